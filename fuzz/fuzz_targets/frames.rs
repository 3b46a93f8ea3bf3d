//! Any bytes to the ledger's check of the same name; what must hold is there.

#![no_main]

#[path = "../checks/ledger.rs"]
#[expect(dead_code, reason = "each target runs one check of the file")]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::frames(bytes));
