;; A filter as small as can be: requests without an `x-key` header are answered with 403, all others lose it and go on.
(module
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 65536))
  (data (i32.const 16) "x-key")
  (data (i32.const 32) "a key, please")

  ;; ABI 0.2.1, a reactor, and memory for what the host hands in.
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))

  (func (export "proxy_on_context_create") (param $id i32) (param $parent i32))
  (func (export "proxy_on_vm_start") (param $id i32) (param $size i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param $id i32) (param $size i32) (result i32) (i32.const 1))

  ;; Map 0 holds the request's headers. Status 0 is OK; action 0 is Continue, 1 Pause.
  (func (export "proxy_on_request_headers") (param $id i32) (param $count i32) (param $end i32) (result i32)
    (if (result i32) (call $get (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 4))
      (then
        (drop (call $send (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 32) (i32.const 13)
                          (i32.const 0) (i32.const 0) (i32.const -1)))
        (i32.const 1))
      (else
        (drop (call $remove (i32.const 0) (i32.const 16) (i32.const 5)))
        (i32.const 0))))
)
