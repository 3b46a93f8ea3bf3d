//! Stand-ins for services of third parties, for demos and tests.
//!
//! Owns a stand-in of the state's identification hub (the ID.GOV.UA protocol) with synthetic
//! people, and the guard that keeps a demo on one machine. Knows nothing of bookings. The gateway calls it
//! only with its `demo` feature; packages for production are built without this crate.
//!
//! Map: [`hub`] is what callers build and serve, `handlers` its endpoints, `store` its codes and
//! tokens, `page` its HTML, [`faults`] its misbehaviour on command and `misbehaviour` how it is done,
//! [`people`] and `names` who can log in, [`entities`] for whom they may act, `user_info` what is
//! said about them, [`guard`] who may talk to a demo at all, [`traces`] what programs called.
//!
//! What a link to the hub may say besides the protocol, so that programs need no page: `person=42`
//! logs that person in at once, `entity=7` with the signature of that organisation, `without=rnokpp`
//! or `without=rnokpp,unzr` as somebody who lacks these numbers. What goes wrong on command is set
//! by `POST /stand-in/faults`, see [`HubFaults`]; `GET /stand-in/calls` tells what programs called last, and
//! in which traces.

pub mod entities;
pub mod faults;
pub mod guard;
mod handlers;
pub mod hub;
mod misbehaviour;
mod names;
mod page;
pub mod people;
mod refusal;
mod store;
pub mod traces;
mod user_info;

pub use entities::{MAX_ENTITIES, SyntheticEntity, entity};
pub use faults::{AnswerForm, FaultsHandle, HubFaults};
pub use hub::{Hub, HubError, HubLimits, HubOptions, ServeError, serve};
pub use people::{MAX_PEOPLE, Sex, SyntheticPerson, person};

/// The mark every page of a stand-in carries. A test of the production build looks for it in the
/// binary and must not find it.
pub const MARK: &str = "СТЕНД / STAND-IN, not a real identification";
