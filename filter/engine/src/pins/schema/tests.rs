//! For each keyword what fits and what does not, with what is told.

use super::*;
use crate::json::Limits;
use crate::policy::Budget;

fn judge(schema: &str, value: &str) -> Option<String> {
    let schema = Schema::compile(schema.to_owned()).unwrap();
    let document = Document::parse(value.as_bytes(), &Limits::WIRE).unwrap();
    let budget = Budget::for_input(value.len(), schema.patterns());
    schema.judge(document.root(), &budget)
}

/// A schema, values that fit, values that do not with what is told.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

fn check(rows: &[Row]) {
    for (schema, fit, misfit) in rows {
        for value in *fit {
            assert_eq!(judge(schema, value), None, "{schema} {value}");
        }
        for (value, told) in *misfit {
            assert_eq!(
                judge(schema, value).as_deref(),
                Some(*told),
                "{schema} {value}"
            );
        }
    }
}

#[test]
fn types() {
    check(&[
        ("{}", &["{}", "1", "null"], &[]),
        ("true", &["{}"], &[]),
        ("false", &[], &[("{}", "the arguments must not be there")]),
        (
            r#"{"type":"integer"}"#,
            &["1", "-1", "1.0", "1e2", "100e-2", "0.0", "9007199254740993"],
            &[
                ("1.5", "the arguments must be an integer"),
                (r#""1""#, "the arguments must be an integer"),
                ("1e-1", "the arguments must be an integer"),
            ],
        ),
        (
            r#"{"type":"number"}"#,
            &["1", "1.5"],
            &[(r#""1""#, "the arguments must be a number")],
        ),
        (
            r#"{"type":["string","null"]}"#,
            &[r#""""#, "null"],
            &[("0", "the arguments must be a string or null")],
        ),
        (
            r#"{"type":"boolean"}"#,
            &["true", "false"],
            &[
                ("0", "the arguments must be true or false"),
                ("null", "the arguments must be true or false"),
            ],
        ),
        (
            r#"{"type":"object"}"#,
            &["{}"],
            &[("[]", "the arguments must be an object")],
        ),
        (
            r#"{"type":"array"}"#,
            &["[]"],
            &[("{}", "the arguments must be an array")],
        ),
    ]);
}

#[test]
fn objects() {
    check(&[
        (
            r#"{"required":["a","b/c"]}"#,
            &[r#"{"a":null,"b/c":1}"#, "[]"],
            &[
                (r#"{"b/c":1}"#, r#"the arguments must have "a""#),
                (r#"{"a":1}"#, r#"the arguments must have "b/c""#),
            ],
        ),
        (
            r#"{"properties":{"a/b":{"type":"string"},"c":{"properties":{"d":{"type":"null"}}}}}"#,
            &[r#"{"a/b":"x"}"#, r#"{"other":1}"#, "{}", r#"{"c":1}"#],
            &[
                (r#"{"a/b":1}"#, r#""/a~1b" must be a string"#),
                (r#"{"\u0061/b":1}"#, r#""/a~1b" must be a string"#),
                (r#"{"c":{"d":0}}"#, r#""/c/d" must be null"#),
            ],
        ),
        (
            r#"{"properties":{"owner":{},"repo":{}},"additionalProperties":false}"#,
            &[r#"{"owner":1}"#],
            &[(
                r#"{"ownr":1}"#,
                r#""/ownr" must not be there; there is only "owner", "repo""#,
            )],
        ),
        (
            r#"{"properties":{"a":{}},"additionalProperties":{"type":"string"}}"#,
            &[r#"{"a":1,"b":""}"#],
            &[(r#"{"b":1}"#, r#""/b" must be a string"#)],
        ),
        (
            r#"{"patternProperties":{"^x-":{"type":"number"}},"additionalProperties":false}"#,
            &[r#"{"x-a":1}"#],
            &[
                (r#"{"x-a":""}"#, r#""/x-a" must be a number"#),
                (r#"{"y":1}"#, r#""/y" must not be there"#),
            ],
        ),
        (
            r#"{"propertyNames":{"pattern":"^[a-z]+$","maxLength":3}}"#,
            &[r#"{"abc":1}"#],
            &[
                (r#"{"A":1}"#, r#""/A" must match the pattern ^[a-z]+$"#),
                (r#"{"abcd":1}"#, r#""/abcd" must have at most 3 characters"#),
            ],
        ),
        (
            r#"{"minProperties":1,"maxProperties":2}"#,
            &[r#"{"a":1}"#, "[]"],
            &[
                ("{}", "the arguments must have at least 1 member"),
                (
                    r#"{"a":1,"b":1,"c":1}"#,
                    "the arguments must have at most 2 members",
                ),
            ],
        ),
    ]);
}

#[test]
fn values() {
    check(&[
        (
            r#"{"enum":["a",1,null,{"b":[1,2]}]}"#,
            &[r#""a""#, "1.0", "null", r#"{"b":[1,2.0]}"#],
            &[
                (
                    r#""b""#,
                    r#"the arguments must be one of ["a",1,null,{"b":[1,2]}]"#,
                ),
                (
                    "true",
                    r#"the arguments must be one of ["a",1,null,{"b":[1,2]}]"#,
                ),
            ],
        ),
        (
            r#"{"const":"x"}"#,
            &[r#""\u0078""#],
            &[(r#""y""#, r#"the arguments must be "x""#)],
        ),
        (
            r#"{"const":null}"#,
            &["null"],
            &[("0", "the arguments must be null")],
        ),
    ]);
}

#[test]
fn numbers() {
    check(&[
        (
            r#"{"minimum":1,"maximum":10}"#,
            &["1", "1.0", "10", r#""0""#],
            &[
                (
                    "0.9999999999999999999999",
                    "the arguments must be at least 1",
                ),
                (
                    "10.00000000000000000001",
                    "the arguments must be at most 10",
                ),
            ],
        ),
        (
            r#"{"exclusiveMinimum":0,"exclusiveMaximum":9007199254740993}"#,
            &["1e-300", "9007199254740992"],
            &[
                ("0", "the arguments must be more than 0"),
                ("-0.0", "the arguments must be more than 0"),
                (
                    "9007199254740993",
                    "the arguments must be less than 9007199254740993",
                ),
            ],
        ),
        (
            r#"{"multipleOf":0.01}"#,
            &["19.99", "0", "-0.5", r#""x""#],
            &[("0.005", "the arguments must be a multiple of 0.01")],
        ),
    ]);
}

#[test]
fn texts() {
    check(&[
        (
            r#"{"minLength":2,"maxLength":3}"#,
            &[r#""äö""#, r#""😀😀""#, r#""\ud83d\ude00\n""#, "1"],
            &[
                (r#""😀""#, "the arguments must have at least 2 characters"),
                (r#""abcd""#, "the arguments must have at most 3 characters"),
            ],
        ),
        (
            r#"{"pattern":"b+"}"#,
            &[r#""abbc""#, "1"],
            &[(r#""ac""#, "the arguments must match the pattern b+")],
        ),
        (r#"{"format":"email"}"#, &[r#""x""#], &[]),
    ]);
}

#[test]
fn arrays() {
    check(&[
        (
            r#"{"items":{"type":"string"}}"#,
            &["[]", r#"["a"]"#, "{}"],
            &[(r#"["a",1]"#, r#""/1" must be a string"#)],
        ),
        (
            r#"{"prefixItems":[{"type":"string"},{"type":"number"}],"items":false}"#,
            &["[]", r#"["a"]"#, r#"["a",1]"#],
            &[
                (r#"["a","b"]"#, r#""/1" must be a number"#),
                (r#"["a",1,2]"#, r#""/2" must not be there"#),
            ],
        ),
        (
            r#"{"items":[{"type":"string"}],"additionalItems":{"type":"null"}}"#,
            &[r#"["a",null]"#],
            &[(r#"["a",1]"#, r#""/1" must be null"#)],
        ),
        (
            r#"{"minItems":1,"maxItems":2,"uniqueItems":true}"#,
            &["[1]", r#"[1,"1"]"#, "[[1],[2]]", "[1,true]"],
            &[
                ("[]", "the arguments must have at least 1 item"),
                ("[1,2,3]", "the arguments must have at most 2 items"),
                ("[1,1.0]", "the arguments must have no two equal items"),
                (
                    r#"[{"a":1,"b":2},{"b":2,"a":1}]"#,
                    "the arguments must have no two equal items",
                ),
            ],
        ),
        (r#"{"uniqueItems":false}"#, &["[1,1]"], &[]),
    ]);
}

#[test]
fn alternatives() {
    check(&[
        (
            r#"{"properties":{"a":{"anyOf":[{"type":"integer"},{"type":"null"}]}}}"#,
            &[r#"{"a":1}"#, r#"{"a":null}"#],
            &[(r#"{"a":"x"}"#, r#""/a" must be an integer, or be null"#)],
        ),
        (
            r#"{"anyOf":[{"type":"string"},{"properties":{"a":{"type":"number"}}}]}"#,
            &[r#""""#, r#"{"a":1}"#],
            &[(r#"{"a":""}"#, r#""/a" must be a number"#)],
        ),
        (
            r#"{"oneOf":[{"multipleOf":2},{"multipleOf":3}]}"#,
            &["2", "3"],
            &[
                (
                    "6",
                    "the arguments must fit exactly one of the forms its schema names",
                ),
                (
                    "1",
                    "the arguments must be a multiple of 2, or be a multiple of 3",
                ),
            ],
        ),
        (
            r#"{"allOf":[{"minimum":1},{"maximum":2}]}"#,
            &["1"],
            &[("3", "the arguments must be at most 2")],
        ),
        (
            r#"{"not":{"type":"string"}}"#,
            &["1"],
            &[(
                r#""x""#,
                "the arguments must not have the form its schema excludes",
            )],
        ),
        (r#"{"anyOf":[]}"#, &["1"], &[]),
    ]);
}

#[test]
fn references() {
    const TREE: &str = r##"{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{
        "next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"additionalProperties":false}}}"##;
    check(&[
        (
            TREE,
            &["{}", r#"{"next":{"next":null}}"#],
            &[(
                r#"{"next":{"next":{"nxt":1}}}"#,
                r#""/next/next/nxt" must not be there; there is only "next""#,
            )],
        ),
        (
            r##"{"properties":{"a":{"$ref":"#/definitions/x~1y"}},"definitions":{"x/y":{"type":"null"}}}"##,
            &[r#"{"a":null}"#],
            &[(r#"{"a":1}"#, r#""/a" must be null"#)],
        ),
        // Beside a reference everything counts, but not in draft 7.
        (
            r##"{"$ref":"#/$defs/a","minimum":1,"$defs":{"a":{"type":"number"}}}"##,
            &["1"],
            &[("0", "the arguments must be at least 1")],
        ),
        (
            r##"{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/a","minimum":1,"definitions":{"a":{"type":"number"}}}"##,
            &["0"],
            &[(r#""""#, "the arguments must be a number")],
        ),
        (
            r##"{"$ref":"#"}"##,
            &[],
            &[(
                "{}",
                "the arguments must not be so deep that it cannot be checked",
            )],
        ),
        (
            r##"{"anyOf":[{"$ref":"#"},{"not":{"$ref":"#"}}]}"##,
            &[],
            &[(
                "{}",
                "the arguments must not be so deep that it cannot be checked",
            )],
        ),
    ]);
}

#[test]
fn work_is_bounded() {
    // Doubles with each level: 2^40 schemas to apply.
    let mut schema = String::from("{\"$defs\":{\"s0\":{\"type\":\"null\"}");
    for level in 1..=40 {
        let below = level - 1;
        schema.push_str(&format!(
            ",\"s{level}\":{{\"anyOf\":[{{\"$ref\":\"#/$defs/s{below}\"}},{{\"$ref\":\"#/$defs/s{below}\"}}]}}"
        ));
    }
    schema.push_str("},\"$ref\":\"#/$defs/s40\"}");
    assert_eq!(
        judge(&schema, "1").as_deref(),
        Some("the arguments must not be so large that it cannot be checked")
    );
    let long = format!("\"{}\"", "a".repeat(1 << 20));
    assert_eq!(
        judge(r#"{"pattern":"(a|b)*c"}"#, &long).as_deref(),
        Some("the arguments must match the pattern (a|b)*c")
    );
    // Each byte leads to a state that has not been seen before.
    let mut random = 1_u32;
    let scattered = (0..1 << 18).map(|_| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + u8::from(random >> 31 == 1))
    });
    let scattered = format!("\"{}\"", scattered.collect::<String>());
    assert_eq!(
        judge(r#"{"pattern":"a[ab]{60}c"}"#, &scattered).as_deref(),
        Some("the arguments must not be so large that it cannot be checked")
    );
}

#[test]
fn what_is_not_enforced_is_told_apart() {
    let gaps = |schema: &str| -> Vec<(String, GapKind)> {
        let schema = Schema::compile(schema.to_owned()).unwrap();
        let raw = |place| schema.document.at(place).raw().to_owned();
        let gaps = schema.gaps().iter();
        gaps.map(|gap| (raw(gap.place), gap.kind)).collect()
    };
    let cases: [(&str, &[(&str, GapKind)]); 15] = [
        (
            r#"{"title":"t","description":"d","default":1,"examples":[],"format":"uri","x-a":1,"$schema":"s","$id":"i","$comment":"c","deprecated":true}"#,
            &[],
        ),
        (r#"{"if":{},"then":false}"#, &[("{}", GapKind::Keyword)]),
        (r#"{"contains":{}}"#, &[("{}", GapKind::Keyword)]),
        (r#"{"nullable":true}"#, &[("true", GapKind::Unknown)]),
        (r#"{"type":"text"}"#, &[(r#""text""#, GapKind::Malformed)]),
        (r#"{"minimum":"1"}"#, &[(r#""1""#, GapKind::Malformed)]),
        (r#"{"minLength":-1}"#, &[("-1", GapKind::Malformed)]),
        (r#"{"multipleOf":0}"#, &[("0", GapKind::Malformed)]),
        (r#"{"required":"a"}"#, &[(r#""a""#, GapKind::Malformed)]),
        (
            r#"{"pattern":"a(?=b)"}"#,
            &[(r#""a(?=b)""#, GapKind::Pattern)],
        ),
        (
            r#"{"patternProperties":{"a(?=b)":true},"additionalProperties":false}"#,
            &[("true", GapKind::Pattern), ("false", GapKind::Pattern)],
        ),
        (
            r#"{"$ref":"other.json#/a"}"#,
            &[(r#""other.json#/a""#, GapKind::Reference)],
        ),
        (
            r##"{"properties":{"a":{"$id":"b","$ref":"#/c"}}}"##,
            &[
                (r##""#/c""##, GapKind::Reference),
                (r#""b""#, GapKind::Keyword),
            ],
        ),
        (r#"{"anyOf":[]}"#, &[("[]", GapKind::Malformed)]),
        // What no reference leads to asks for nothing.
        (r#"{"$defs":{"a":{"contains":{}}}}"#, &[]),
    ];
    for (schema, expected) in cases {
        let expected: Vec<_> = expected
            .iter()
            .map(|(raw, kind)| ((*raw).to_owned(), *kind))
            .collect();
        assert_eq!(gaps(schema), expected, "{schema}");
    }
}
