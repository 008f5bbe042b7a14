//! What is taken out of replies before anybody reads them.

pub mod detect;
