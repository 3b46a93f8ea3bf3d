//! The words of booking, and the rules that need nothing but words.
//!
//! Owns: ids, identifiers of people, civil time, catalogues of offices, the shape of an office's
//! day and its shares, release moments, policies and their limits. Must not know: I/O, clocks, randomness,
//! atomics, HTTP; time and secrets are arguments. Called by every other member.
//!
//! # The words
//! | word | meaning |
//! |---|---|
//! | authority | a state body that gives out places: one ledger partition, one policy |
//! | office | a place people visit, with its own zone, hours and desks |
//! | desk | a workplace in an office, qualified for some services |
//! | shift | one contiguous working interval of one desk on one date, at most 64 steps |
//! | step | the office's unit of time: 5, 10 or 15 minutes |
//! | service | what people come for; it lasts a whole number of steps |
//! | slot | what a citizen books: office, service, start |
//! | channel | the way a booking is made: web, kiosk, walk-in |
//! | share | the steps of a day that a channel may use |
//! | release | the moment from which a date may be booked for a service, by a channel |
//! | claim | taking the bits of a slot, all or none |
//! | hold | bits that are taken, but by no booking: a freed place that has not returned yet |
//! | booking | a claimed slot with its subject and its actor |
//! | ticket | what the citizen keeps of a booking |
//! | person | the pseudonym of an identified human; never the number itself |
//! | subject | the person or the legal entity whose quota counts |
//! | entity | a legal entity, by a pseudonym made like a person's |
//! | pepper | a secret that makes pseudonyms; a new one leaves the names under those before it good |
//! | actor | the identified human who acts |
//! | policy | versioned data: limits, releases, deadlines |
//! | quota | how many bookings a limit allows in its period |
//! | record | one fact in the journal; sequence number: its dense number |
//! | watermark | the highest sequence number that is durable |

pub mod about;
pub mod booking;
pub mod calendar;
pub mod catalogue;
pub mod catalogue_error;
pub mod catalogue_file;
pub mod civil;
pub mod identity;
pub mod ids;
pub mod limit_file;
pub mod limits;
pub mod pepper;
pub mod policy;
pub mod policy_file;
pub mod shape;
pub mod shares;
pub mod suggest;
pub mod zones;
