//! Any bytes to the gateway's check of the same name; what must hold is there.

#![no_main]

#[path = "../checks/gateway.rs"]
#[expect(dead_code, reason = "each target runs one check of the file")]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::traceparent(bytes));
