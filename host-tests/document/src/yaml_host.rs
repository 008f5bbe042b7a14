//! What the YAML readers of hosts make of a scalar without quotes: neither reads YAML 1.2.
//!
//! Envoy's was measured on 1.40.0, with each of these words in the `metadata` of a listener and the answer in
//! `/config_dump`; it is `parseYamlNode` of its `yaml_utility.cc`. Kubernetes' is `sigs.k8s.io/yaml`, which is go-yaml 2.

use super::yaml::quote;
use super::yaml_scalar::{Plain, resolve};

/// Whose reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Envoy: yaml-cpp. Integers beyond 32 bits and all other numbers become text.
    Envoy,
    /// Kubernetes, and so Istio and Envoy Gateway: go-yaml 2.
    Kubernetes,
}

/// The value as JSON.
pub(super) fn read_by(host: Host, text: &str) -> String {
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return "null".to_owned();
    }
    if let Some(value) = boolean(text) {
        return value.to_string();
    }
    match host {
        Host::Envoy => match integer(text) {
            Some(value) if i32::try_from(value).is_ok() => value.to_string(),
            Some(value) => quote(&value.to_string()),
            None => quote(text),
        },
        Host::Kubernetes => {
            let bare = text.replace('_', "");
            if let Plain::Number(number) = resolve(&bare) {
                return number.to_owned();
            }
            let value = integer(&bare).map(|value| value.to_string());
            let fraction = || {
                let numeric =
                    bare.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
                let value: Option<f64> = bare
                    .parse()
                    .ok()
                    .filter(|value: &f64| numeric && value.is_finite());
                value.map(|value| value.to_string())
            };
            value.or_else(fraction).unwrap_or_else(|| quote(text))
        }
    }
}

/// `y`, `yes`, `on`, `true` and their opposites; in lower case, in capitals, or with a capital first.
fn boolean(text: &str) -> Option<bool> {
    let lower = text.to_ascii_lowercase();
    let mut capital = lower.clone();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if text != lower && text != capital && text != lower.to_ascii_uppercase() {
        return None;
    }
    match lower.as_str() {
        "y" | "yes" | "on" | "true" => Some(true),
        "n" | "no" | "off" | "false" => Some(false),
        _ => None,
    }
}

/// An integer of 64 bits in the base that C finds in its first digits.
fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(digits) => (16, digits),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let first = digits.starts_with(|first: char| first.is_digit(radix));
    if !first {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

#[cfg(test)]
mod tests {
    use super::{Host, read_by};

    /// Measured: see the head of this file.
    #[test]
    fn envoy() {
        for (text, read) in [
            ("NO", "false"),
            ("No", "false"),
            ("nO", "\"nO\""),
            ("on", "true"),
            ("oN", "\"oN\""),
            ("off", "false"),
            ("y", "true"),
            ("N", "false"),
            ("tRue", "\"tRue\""),
            ("~", "null"),
            ("0x10", "16"),
            ("012", "10"),
            ("+5", "5"),
            ("1_000", "\"1_000\""),
            ("0.5", "\"0.5\""),
            ("1e3", "\"1e3\""),
            ("3000000000", "\"3000000000\""),
            ("2147483647", "2147483647"),
            ("-2147483649", "\"-2147483649\""),
            ("0o14", "\"0o14\""),
            ("9007199254740993", "\"9007199254740993\""),
            ("-0", "0"),
            (".inf", "\".inf\""),
            ("1:30", "\"1:30\""),
            ("2026-01-15", "\"2026-01-15\""),
            ("08", "\"08\""),
            ("0xZZ", "\"0xZZ\""),
        ] {
            assert_eq!(read_by(Host::Envoy, text), read, "{text}");
        }
    }

    #[test]
    fn kubernetes() {
        for (text, read) in [
            ("NO", "false"),
            ("on", "true"),
            ("0x10", "16"),
            ("0644", "420"),
            ("1_000", "1000"),
            ("0.5", "0.5"),
            (".5", "0.5"),
            ("3000000000", "3000000000"),
            ("1.2.3", "\"1.2.3\""),
            ("2026-01-15", "\"2026-01-15\""),
            ("inf", "\"inf\""),
            ("acme", "\"acme\""),
        ] {
            assert_eq!(read_by(Host::Kubernetes, text), read, "{text}");
        }
    }
}
