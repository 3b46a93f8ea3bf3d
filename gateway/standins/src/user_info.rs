//! What the hub says about a person.
//!
//! Owns the protocol's field names and their values. Called by `handlers` only.

use serde_json::{Map, Value};

use crate::faults::HubFaults;
use crate::hub::AuthType;
use crate::people::{SyntheticPerson, rnokpp_check_digit};
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
    person: &SyntheticPerson,
    auth_type: AuthType,
    fields: &str,
    faults: HubFaults,
) -> Result<Map<String, Value>, Refusal> {
    if fields.trim().is_empty() {
        return Err(Refusal::bad_request("fields is required: names separated by commas"));
    }
    fields
        .split(',')
        .map(|asked| {
            let asked = asked.trim();
            let Some(field) = FIELDS.iter().find(|field| **field == asked) else {
                return Err(Refusal::bad_request(format!("there is no field {asked:?}")));
            };
            Ok(((*field).to_owned(), Value::String(value(person, auth_type, field, faults))))
        })
        .collect()
}

fn value(person: &SyntheticPerson, auth_type: AuthType, field: &str, faults: HubFaults) -> String {
    match field {
        "auth_type" => auth_type.as_str().to_owned(),
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
        "drfocode" => drfocode(person, faults),
        "unzr" if faults.without_rnokpp => String::new(),
        "unzr" => person.unzr.clone(),
        "isqscd" => "0".to_owned(),
        // o, ou, title, dns, edrpoucode: these people act for nobody but themselves.
        _ => String::new(),
    }
}

fn drfocode(person: &SyntheticPerson, faults: HubFaults) -> String {
    if faults.without_rnokpp {
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
