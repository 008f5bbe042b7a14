//! What the Skills extension (SEP-2640) adds: skills are directories of resources, each with a manifest of its files and their
//! digests. A client must not use a file that differs from its digest, nor a skill whose manifest is not complete.

/// The kind of content a directory has among resources.
pub const DIRECTORY: &str = "inode/directory";

/// Whether a URI is that of a skill's file, as far as a URI tells: servers should use the scheme `skill`, and the file that every
/// skill has is called `SKILL.md` under any other.
pub fn is_skill_file(uri: &str) -> bool {
    uri.starts_with("skill://") || uri.ends_with("/SKILL.md")
}

/// How a directory is judged: by what the URIs of everything in it begin with.
pub fn within_directory(uri: &str) -> String {
    format!("{}/", uri.trim_end_matches('/'))
}
