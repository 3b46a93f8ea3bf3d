//! A booking of the kiosk, moved from afar: it is asked for the proof that the web asks for.

use std::path::Path;

use serde_json::json;
use talon_domain::booking::Subject;
use talon_domain::civil::{Minute, UtcMicros};
use talon_domain::ids::{
    AuthorityId, Channel, Fingerprint, KeyHash, OfficeId, ServiceId, SessionId,
};
use talon_ledger::committing::CommitBy;
use talon_ledger::journal::JournalKind;
use talon_ledger::load;
use talon_ledger::open::{self, Keep};
use talon_wire::{Answer, Book, Caller, Command, Ledger as _, Place, Wishes};

use crate::harness::{Ask, Browser, Launch, day, name_of, now_s, token_with};
use crate::proof::proof;
use crate::refusals::refused;
use crate::reload::{edit, own_files};

const SMALL: AuthorityId = AuthorityId(1);
const PERSON: u32 = 4_000_000_001;

/// Books as the kiosk does, in the ledger itself.
async fn book_at_kiosk(launch: &Launch, files: &Path) -> String {
    let file = |name: &str| files.join(name);
    let authorities = ["small", "strict"].map(|name| {
        let [catalogue, policy] = ["catalogue", "policy"].map(|kind| format!("{name}.{kind}.toml"));
        load::authority(&file(&catalogue), &file(&policy)).unwrap()
    });
    let keep = Keep {
        kind: JournalKind::Demo,
        segment_bytes: 8 << 20,
        snapshot_every_segments: 0,
        commit_by: CommitBy::Thread,
        release_in: None,
    };
    let running = open::open(&launch.journal(), &keep, authorities.to_vec()).unwrap();
    let (handle, driver) = running.ledger.handle();
    let driving = tokio::spawn(driver);
    let caller = Caller {
        authority: SMALL,
        person: name_of(PERSON, SMALL),
        entity: None,
        session: SessionId([9; 16]),
        session_expires_at: UtcMicros(i64::MAX),
    };
    let book = Book {
        caller,
        subject: Subject::Person,
        place: Place { authority: SMALL, office: OfficeId(1), service: ServiceId(4) },
        channel: Channel::Kiosk,
        wishes: Wishes::Starts(vec![(day(2).parse().unwrap(), Minute::new(8 * 60).unwrap())]),
        key: KeyHash([1; 16]),
        fingerprint: Fingerprint([1; 16]),
    };
    let answer = handle.call(Command::Book(book)).await;
    drop(handle);
    driving.abort();
    // Whoever holds a handle holds the journal open.
    assert!(driving.await.unwrap_err().is_cancelled());
    let Answer::Booked { booking, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(booking.channel, Channel::Kiosk);
    running.shutdown().unwrap();
    booking.id.to_string()
}

#[tokio::test]
async fn moving_a_kiosks_booking_from_afar_costs_the_proof_for_which_a_challenge_is_given() {
    let (launch, files) = own_files();
    let policy = files.join("small.policy.toml");
    edit(&policy, "[cancel]", "[release.kiosk]\ndays_ahead = 14\n\n[cancel]");
    let halves = "code = \"town\"\nshares = { web = 50, kiosk = 50, walk-in = 0 }";
    edit(&files.join("small.catalogue.toml"), "code = \"town\"", halves);
    let launch = launch.start().stop();
    let id = book_at_kiosk(&launch, &files).await;
    let gateway = launch.start();
    let key = std::fs::read(gateway.launch().data().join("keys/session.key")).unwrap();
    let token = token_with(&key, PERSON, now_s() + 3600);
    let who = &mut Browser::bearing(gateway.public(), token);
    let mut body = json!({ "any": { "from": day(6), "to": day(9) } });
    let ask = |body: &serde_json::Value| {
        Ask::post(format!("/api/v1/bookings/{id}/move")).header("idempotency-key", "m").json(body)
    };
    refused(who, ask(&body), 403, "pow-required").await;
    body["altcha"] = json!(proof(who).await);
    let moved = who.send(ask(&body)).await.expect(201);
    assert_eq!(moved.json()["service"], "driving");
}
