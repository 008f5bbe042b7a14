//! What policy authors write: paths and patterns.

use toolgate_engine::policy::{Budget, Path, Pattern, Root, Step};

/// A line with a path, then a pattern and the text to look in, cut at line feeds.
pub fn paths_and_patterns(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let (path, pattern) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    let text = lines.next().unwrap_or_default();
    if let Ok(path) = Path::parse(path) {
        assert!(path.root == Root::ToolName || !path.steps.is_empty());
        let printed = print(&path);
        if let Some(printed) = printed {
            let again = Path::parse(&printed).expect("what is printed is a path");
            assert_eq!(
                (again.root, again.steps),
                (path.root, path.steps),
                "{printed}"
            );
        }
    }
    match Pattern::new(pattern) {
        Ok(compiled) => {
            let finds =
                |text: &str| compiled.is_match(text, &Budget::for_input(text.len(), 1)) == Ok(true);
            let found = finds(text);
            assert_eq!(compiled.source(), pattern);
            let meta = |char: char| {
                char.is_ascii_punctuation() || char.is_whitespace() || !char.is_ascii()
            };
            if !pattern.contains(meta) {
                assert_eq!(found, text.contains(pattern), "{pattern:?} in {text:?}");
            }
            // Found anywhere means found in front of anything.
            if !pattern.contains(['$', '\\', '(']) && found {
                assert!(finds(&format!("{text}\n")), "{pattern:?} in {text:?}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A path with every key in quotes; `None` where it reads a counter of Intercept's.
fn print(path: &Path) -> Option<String> {
    let mut out = match path.root {
        Root::Args => "args",
        Root::Identity => "identity",
        Root::Counters if path.text.starts_with("counters") => "counters",
        Root::Counters => return None,
        Root::ToolName => return Some("tool.name".to_owned()),
    }
    .to_owned();
    for step in &path.steps {
        out.push_str(&match step {
            Step::Key(key) => format!("[\"{}\"]", key.replace('\\', "\\\\").replace('"', "\\\"")),
            Step::Index(index) => format!("[{index}]"),
            Step::Each => "[*]".to_owned(),
        });
    }
    Some(out)
}
