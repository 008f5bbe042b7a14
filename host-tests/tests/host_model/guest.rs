//! Guests: modules in wat that log which callbacks ran and do as little as a case needs.

use toolgate_host::{Module, Vm, VmOptions};

/// What every guest starts with: imports, an allocator, and `$say`, which logs `TAG N M`.
const PRELUDE: &str = r#"
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $set_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove_header (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $ticks (param i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
  (memory (export "memory") 4)
  (global $heap (mut i32) (i32.const 65536))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  (func (export "proxy_on_memory_allocate") (param $n i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (local.get $at) (local.get $n)))
    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $n) (i32.const 16)))))))
    (local.get $at))
  ;; texts at fixed places; 0..255 is scratch
  (data (i32.const 256) "hello")            ;; 5
  (data (i32.const 272) "content-length")   ;; 14
  (data (i32.const 288) "x-seen")           ;; 6
  (data (i32.const 304) "state")            ;; 5
  (data (i32.const 320) "cluster")          ;; 7
  (data (i32.const 336) "request\00path")   ;; 12
  (data (i32.const 352) ":path")            ;; 5
  (data (i32.const 368) "5")                ;; 1
  (data (i32.const 376) "plugin_name")      ;; 11
  ;; one map: {x-seen: hello}
  (data (i32.const 512) "\01\00\00\00\06\00\00\00\05\00\00\00x-seen\00hello\00") ;; 25
  ;; headers of a callout: {:path: /, :method: GET, :authority: a}
  (data (i32.const 544) "\03\00\00\00\05\00\00\00\01\00\00\00\07\00\00\00\03\00\00\00\0a\00\00\00\01\00\00\00:path\00/\00:method\00GET\00:authority\00a\00") ;; 61
  (func $digits (param $at i32) (param $n i32) (result i32)
    (if (i32.ge_u (local.get $n) (i32.const 10))
      (then (local.set $at (call $digits (local.get $at) (i32.div_u (local.get $n) (i32.const 10))))))
    (i32.store8 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
    (i32.add (local.get $at) (i32.const 1)))
  (func $say (param $tag i32) (param $len i32) (param $n i32) (param $m i32)
    (local $at i32)
    (memory.copy (i32.const 0) (local.get $tag) (local.get $len))
    (i32.store8 (local.get $len) (i32.const 32))
    (local.set $at (call $digits (i32.add (local.get $len) (i32.const 1)) (local.get $n)))
    (i32.store8 (local.get $at) (i32.const 32))
    (local.set $at (call $digits (i32.add (local.get $at) (i32.const 1)) (local.get $m)))
    (drop (call $log (i32.const 2) (i32.const 0) (local.get $at))))
  ;; answers 403 with body `hello` and header x-seen
  (func $deny
    (drop (call $send (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 256) (i32.const 5)
                      (i32.const 512) (i32.const 25) (i32.const -1))))
"#;

/// name, parameters after the context id, has a result, number of arguments to log
const CALLBACKS: &[(&str, usize, bool)] = &[
    ("context_create", 1, false),
    ("vm_start", 1, true),
    ("configure", 1, true),
    ("tick", 0, false),
    ("request_headers", 2, true),
    ("request_body", 2, true),
    ("request_trailers", 1, true),
    ("response_headers", 2, true),
    ("response_body", 2, true),
    ("response_trailers", 1, true),
    ("http_call_response", 4, false),
    ("log", 0, false),
    ("done", 0, true),
    ("delete", 0, false),
];

/// A guest whose stream callbacks log their arguments and then run the given bodies. `$a` and `$b` are the arguments
/// after the context id. Callbacks without a body return 0, roots' yes-or-no ones and `done` 1.
pub fn guest(bodies: &[(&str, &str)]) -> String {
    let mut out = format!("(module {PRELUDE}\n");
    for (n, (name, params, result)) in CALLBACKS.iter().enumerate() {
        let body = bodies.iter().find(|(c, _)| c == name).map(|(_, b)| *b);
        let at = 1024 + n * 32;
        let names = ["$a", "$b", "$c", "$d"];
        let list: String = names
            .iter()
            .take(*params)
            .map(|p| format!("(param {p} i32)"))
            .collect();
        let arg = |i: usize| {
            let known = names.get(i).filter(|_| i < *params);
            known.map_or("(i32.const 0)".to_owned(), |p| format!("(local.get {p})"))
        };
        let default = match *name {
            "vm_start" | "configure" | "done" => "(i32.const 1)",
            _ if *result => "(i32.const 0)",
            _ => "",
        };
        let result = if *result { "(result i32)" } else { "" };
        let traced =
            name.starts_with("re") || matches!(*name, "tick" | "log" | "http_call_response");
        let trace = format!(
            "(call $say (i32.const {at}) (i32.const {}) {} {})",
            name.len(),
            arg(0),
            arg(1)
        );
        let trace = if traced { trace } else { String::new() };
        out += &format!(
            "(data (i32.const {at}) \"{name}\")\n(func (export \"proxy_on_{name}\") (param $id i32) {list} {result}\n  {trace}\n  {})\n",
            body.unwrap_or(default)
        );
    }
    out + ")"
}

pub fn start(bodies: &[(&str, &str)], options: VmOptions) -> Vm {
    let wasm = wat::parse_str(guest(bodies)).expect("the guest's wat is valid");
    let module = Module::from_bytes(&wasm).expect("the guest loads");
    Vm::configured(&module, options, b"config").expect("the guest accepts its configuration")
}
