//! The `toolgate` command, without its argument parser.
//!
//! `command` is what each subcommand does; what it does it with stands beside it and knows nothing of arguments, exit codes
//! or files that are in the way.
pub mod command;
pub mod explain;
pub mod image;
pub mod init;
pub mod module;
pub mod policytest;
pub mod render;
pub mod replay;
pub mod scan;
pub mod shared_store;
mod terminal;
pub mod text;
