//! What the hub says about a person.
//!
//! Owns the protocol's field names and their values. Called by `handlers` only.

use serde_json::{Map, Value};

use crate::entities::{SyntheticEntity, entity};
use crate::faults::HubFaults;
use crate::hub::{Login, Without};
use crate::people::{SyntheticPerson, person, rnokpp_check_digit};
use crate::refusal::Refusal;

/// The fields the protocol knows.
const FIELDS: [&str; 22] = [
    "auth_type",
    "issuer",
    "issuercn",
    "serial",
    "subject",
    "subjectcn",
    "locality",
    "state",
    "o",
    "ou",
    "title",
    "lastname",
    "givenname",
    "middlename",
    "email",
    "address",
    "phone",
    "dns",
    "edrpoucode",
    "drfocode",
    "unzr",
    "isqscd",
];

/// The fields asked for, and no other. All values are strings, empty where there is nothing to say.
pub(crate) fn answer(
    login: Login,
    fields: &str,
    faults: HubFaults,
) -> Result<Map<String, Value>, Refusal> {
    if fields.trim().is_empty() {
        return Err(Refusal::bad_request("fields is required: names separated by commas"));
    }
    let (person, entity) = (person(login.person), login.entity.map(entity));
    let without = Without {
        rnokpp: login.without.rnokpp || faults.without_rnokpp,
        unzr: login.without.unzr || faults.without_rnokpp,
    };
    let value = |field: &str| match field {
        "auth_type" => login.auth_type.as_str().to_owned(),
        "drfocode" => drfocode(&person, without, faults),
        "unzr" if without.unzr => String::new(),
        _ => value(&person, entity.as_ref(), field, faults),
    };
    fields
        .split(',')
        .map(|asked| {
            let asked = asked.trim();
            let Some(field) = FIELDS.iter().find(|field| **field == asked) else {
                return Err(Refusal::bad_request(format!("there is no field {asked:?}")));
            };
            Ok(((*field).to_owned(), Value::String(value(field))))
        })
        .collect()
}

fn value(
    person: &SyntheticPerson,
    entity: Option<&SyntheticEntity>,
    field: &str,
    faults: HubFaults,
) -> String {
    match field {
        "issuer" => "O=Стенд;CN=Стенд, не справжній надавач;C=UA".to_owned(),
        "issuercn" => "Стенд, не справжній надавач".to_owned(),
        "serial" => format!("{:016X}", person.index),
        "subject" => format!("CN={};C=UA", person.full_name()),
        "subjectcn" => person.full_name(),
        "locality" => "Стендове".to_owned(),
        "state" => "Стендова область".to_owned(),
        "lastname" => person.surname.to_owned(),
        "givenname" => person.given_name.to_owned(),
        "middlename" => person.patronymic.to_owned(),
        "email" => person.email.clone(),
        "address" => format!("Стендове, вул. Вигадана, {}", person.index),
        "phone" => person.phone.clone(),
        "unzr" => person.unzr.clone(),
        "isqscd" => "0".to_owned(),
        "o" => entity.map_or_else(String::new, |entity| entity.name.clone()),
        "title" if entity.is_some() => "Директор".to_owned(),
        "edrpoucode" => entity.map_or_else(String::new, |entity| edrpoucode(entity, faults)),
        // ou, dns; and all that an entity would have, of whoever acts for themselves.
        _ => String::new(),
    }
}

fn edrpoucode(entity: &SyntheticEntity, faults: HubFaults) -> String {
    if !faults.bad_check_digit {
        return entity.edrpou.clone();
    }
    let (seven, check) = entity.edrpou.split_at(7);
    format!("{seven}{}", if check == "9" { "0" } else { "9" })
}

fn drfocode(person: &SyntheticPerson, without: Without, faults: HubFaults) -> String {
    if without.rnokpp {
        return person.passport.clone();
    }
    if !faults.bad_check_digit {
        return person.rnokpp.clone();
    }
    let nine = &person.rnokpp[..9];
    let digits: Vec<u8> = nine.bytes().map(|letter| letter - b'0').collect();
    let digits = digits.try_into().expect("a synthetic tax number has ten digits");
    format!("{nine}{}", (rnokpp_check_digit(digits) + 1) % 10)
}
