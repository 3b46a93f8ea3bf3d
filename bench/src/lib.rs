//! Measurements of Talon's parts, beside the same work done by what people use today.
//!
//! Owns the benches under `benches/` and, where two of them or the program need the same thing, that
//! thing. May see every other crate; none may see this one. Called by the benches and by `talon-bench`. A figure
//! is worth something only as a ratio to its peer within the same run.

pub mod authority;
pub mod desks;
pub mod hot;
pub mod journals;

/// The environment variable with the file in which a bench without criterion keeps its figures: a JSON object
/// of names and numbers.
pub const FIGURES_VARIABLE: &str = "TALON_BENCH_FIGURES";
