//! Frames and hellos as bytes: golden, and for any bytes in any pieces.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use bytes::BytesMut;
use proptest::prelude::*;
use talon_domain::civil::UtcMicros;
use talon_domain::ids::{AuthorityId, OfficeId, Pseudonym, ServiceId, SessionId};
use talon_wire::frame::{
    self, BadFrame, Frame, FrameRefusal, FromClient, FromServer, MAX_FRAME_BYTES, MAX_REQUEST_BYTES,
};
use talon_wire::hello::{
    self, BadHello, ClientHello, ClientId, FilesDigest, HelloRefusal, MAX_HELLO_BYTES, Mode,
    PREFIX_BYTES, Prefix, ServerHello, Welcome,
};
use talon_wire::{
    Answer, Caller, Command, Finding, FreeStart, Health, Refusal, SpanId, TraceContext, TraceId,
    TraceState,
};

fn caller() -> Caller {
    Caller {
        authority: AuthorityId(1),
        person: Pseudonym([0xaa; 32]),
        entity: None,
        session: SessionId([0xbb; 16]),
        session_expires_at: UtcMicros(1_800_000_000_000_000),
    }
}

fn client_hello() -> ClientHello {
    ClientHello {
        mode: Mode::Demo,
        client: ClientId([0xcc; 16]),
        incarnation: 3,
        build: "1.0".to_owned(),
        files: vec![FilesDigest { authority: AuthorityId(1), digest: [0xdd; 32] }],
    }
}

fn parts(bytes: &[u8]) -> (Prefix, &[u8]) {
    let (prefix, body) = bytes.split_first_chunk::<PREFIX_BYTES>().unwrap();
    (Prefix::decode(prefix).unwrap(), body)
}

fn written(put: impl FnOnce(&mut BytesMut)) -> String {
    let mut bytes = BytesMut::new();
    put(&mut bytes);
    hex::encode(bytes)
}

#[test]
fn a_gateways_hello_has_these_bytes() {
    let expected = [
        "74616c6f6e6c6772", // magic
        "0300",             // version
        "3800",             // 56 bytes follow
        "00",               // demo
        &"cc".repeat(16),   // client
        "03",               // incarnation
        "03312e30",         // build
        "0101",             // one authority, its id
        &"dd".repeat(32),   // its files
    ]
    .concat();
    assert_eq!(hex::encode(hello::encode(&client_hello())), expected);
    let bytes = hello::encode(&client_hello());
    let (prefix, body) = parts(&bytes);
    assert_eq!((prefix.length, body.len()), (56, 56));
    assert_eq!(prefix.body::<ClientHello>(body).unwrap(), client_hello());
}

#[test]
fn a_ledgers_hello_has_these_bytes() {
    let welcome = ServerHello::Welcome(Welcome {
        mode: Mode::Production,
        journal: "ab".to_owned(),
        build: "1.0".to_owned(),
        files: vec![],
    });
    // Magic, version, length; welcome, production, journal, build, no authority.
    assert_eq!(
        hex::encode(hello::encode(&welcome)),
        "74616c6f6e6c67720300".to_owned() + "0a00" + "0001" + "026162" + "03312e30" + "00"
    );
    let refused = ServerHello::Refused(HelloRefusal::Mode(Mode::Production));
    assert_eq!(
        hex::encode(hello::encode(&refused)),
        "74616c6f6e6c67720300".to_owned() + "0300010101"
    );
}

#[test]
fn a_request_has_these_bytes() {
    let expected = [
        "44000000",         // 68 bytes follow
        "01",               // request
        "0700000000000000", // id
        "08",               // Session
        "01",               // authority
        &"aa".repeat(32),   // person
        "00",               // no entity
        &"bb".repeat(16),   // session
        "8080c489e5c5b206", // session_expires_at
    ]
    .concat();
    let command = Command::Session(caller());
    assert_eq!(written(|bytes| frame::put_request(bytes, 7, None, &command).unwrap()), expected);
    let mut bytes = BytesMut::from(&hex::decode(expected).unwrap()[..]);
    assert_eq!(
        frame::take(&mut bytes),
        Ok(Some(FromClient::Request { id: 7, trace: None, command }))
    );
    assert!(bytes.is_empty());
}

#[test]
fn a_request_of_a_trace_has_these_bytes() {
    let expected = [
        "5d000000",         // 93 bytes follow
        "08",               // request of a trace
        "0700000000000000", // id
        &"0a".repeat(16),   // trace
        &"0b".repeat(8),    // parent
        "01",               // recorded there
        "08",               // Session
        "01",               // authority
        &"aa".repeat(32),   // person
        "00",               // no entity
        &"bb".repeat(16),   // session
        "8080c489e5c5b206", // session_expires_at
    ]
    .concat();
    let command = Command::Session(caller());
    let put =
        |bytes: &mut BytesMut| frame::put_request(bytes, 7, Some(&trace()), &command).unwrap();
    assert_eq!(written(put), expected);
    let mut bytes = BytesMut::from(&hex::decode(&expected).unwrap()[..]);
    let request = FromClient::Request { id: 7, trace: Some(trace()), command };
    assert_eq!(frame::take(&mut bytes), Ok(Some(request)));
    // A trace of zeros is none, and the ledger is not to guess.
    let zeros = expected.replace(&"0a".repeat(16), &"00".repeat(16));
    let mut bytes = BytesMut::from(&hex::decode(zeros).unwrap()[..]);
    assert_eq!(frame::take::<FromClient>(&mut bytes), Err(BadFrame::Body(8)));
}

#[test]
fn a_request_of_a_trace_of_which_vendors_say_something_has_these_bytes() {
    let expected = [
        "61000000",         // 97 bytes follow
        "09",               // request of a trace with a state
        "0700000000000000", // id
        &"0a".repeat(16),   // trace
        &"0b".repeat(8),    // parent
        "01",               // recorded there
        "03613d62",         // a=b
        "08",               // Session
        "01",               // authority
        &"aa".repeat(32),   // person
        "00",               // no entity
        &"bb".repeat(16),   // session
        "8080c489e5c5b206", // session_expires_at
    ]
    .concat();
    let trace = TraceContext { state: TraceState::parse(b"a=b"), ..trace() };
    let command = Command::Session(caller());
    let put = |bytes: &mut BytesMut| frame::put_request(bytes, 7, Some(&trace), &command).unwrap();
    assert_eq!(written(put), expected);
    let mut bytes = BytesMut::from(&hex::decode(&expected).unwrap()[..]);
    let request = FromClient::Request { id: 7, trace: Some(trace), command };
    assert_eq!(frame::take(&mut bytes), Ok(Some(request)));
    // A gateway sends none that is no state, and the ledger is not to guess.
    let other = expected.replace("03613d62", "03613d3d");
    let mut bytes = BytesMut::from(&hex::decode(other).unwrap()[..]);
    assert_eq!(frame::take::<FromClient>(&mut bytes), Err(BadFrame::Body(9)));
}

fn trace() -> TraceContext {
    let (trace, parent) = (TraceId::new([0x0a; 16]).unwrap(), SpanId::new([0x0b; 8]).unwrap());
    TraceContext { trace, parent, is_sampled: true, state: None }
}

#[test]
fn what_a_ledger_sends_has_these_bytes() {
    let busy = Answer::Refused(Refusal::Busy);
    let answer = written(|bytes| frame::put_answer(bytes, 7, &busy).unwrap());
    assert_eq!(answer, "0b000000".to_owned() + "02" + "0700000000000000" + "0c11");
    let findings =
        [Finding::Good, Finding::Failed("x".to_owned()), Finding::Impaired("x".to_owned())];
    for (finding, expected) in findings.into_iter().zip(["00", "010178", "020178"]) {
        let health = Health { checks: vec![("journal".to_owned(), finding)] };
        let health = written(|bytes| frame::put_health(bytes, &health).unwrap());
        let body = "01076a6f75726e616c".to_owned() + expected;
        let length = format!("{:02x}000000", 9 + body.len() / 2);
        assert_eq!(health, length + "03" + "0000000000000000" + &body);
    }
    let refused = written(|bytes| frame::put_refused(bytes, FrameRefusal::TooLong));
    assert_eq!(refused, "0a000000".to_owned() + "07" + "0000000000000000" + "01");
    assert_eq!(written(|bytes| frame::put_ping(bytes, 1)), "09000000040100000000000000");
    assert_eq!(written(|bytes| frame::put_pong(bytes, 1)), "09000000050100000000000000");
    assert_eq!(written(frame::put_closing), "09000000060000000000000000");
}

#[test]
fn another_version_is_told_by_its_prefix_alone() {
    let mut bytes = hello::encode(&client_hello());
    bytes[8] = 9;
    let (prefix, _) = parts(&bytes);
    assert_eq!(prefix.body::<ClientHello>(b"whatever"), Err(BadHello::Version { theirs: 9 }));
}

#[test]
fn what_is_no_hello_is_refused() {
    let mut prefix = [0; PREFIX_BYTES];
    prefix.copy_from_slice(b"GET / HTTP/1");
    assert_eq!(Prefix::decode(&prefix), Err(BadHello::Magic));
    prefix.copy_from_slice(&hello::encode(&client_hello())[..PREFIX_BYTES]);
    prefix[10..].copy_from_slice(&u16::try_from(MAX_HELLO_BYTES + 1).unwrap().to_le_bytes());
    assert_eq!(Prefix::decode(&prefix), Err(BadHello::TooLong(MAX_HELLO_BYTES + 1)));
    let mut bytes = hello::encode(&client_hello());
    bytes.push(0);
    let (prefix, body) = parts(&bytes);
    assert_eq!(prefix.body::<ClientHello>(body), Err(BadHello::Malformed));
}

#[test]
fn a_frame_over_the_bound_is_refused_by_its_length_alone() {
    let refuse = |length: usize| {
        let mut bytes = BytesMut::from(&u32::try_from(length).unwrap().to_le_bytes()[..]);
        (frame::take::<FromClient>(&mut bytes.clone()), frame::take::<FromServer>(&mut bytes))
    };
    assert_eq!(refuse(MAX_REQUEST_BYTES), (Ok(None), Ok(None)));
    let length = MAX_REQUEST_BYTES + 1;
    let too_long = BadFrame::TooLong { length, most: MAX_REQUEST_BYTES };
    assert_eq!(refuse(length), (Err(too_long), Ok(None)));
    let (length, most) = (MAX_FRAME_BYTES + 1, MAX_FRAME_BYTES);
    assert_eq!(refuse(length).1, Err(BadFrame::TooLong { length, most }));
    assert_eq!(refuse(8).1, Err(BadFrame::TooShort(8)));
}

#[test]
fn an_answer_over_the_bound_is_not_written() {
    let free = FreeStart { start: "23:59".parse().unwrap(), desks: u16::MAX };
    let free = vec![free; MAX_FRAME_BYTES / 3];
    let answer = Answer::Refused(Refusal::Taken { free });
    let mut bytes = BytesMut::from(&b"before"[..]);
    assert!(frame::put_answer(&mut bytes, 1, &answer).is_err());
    assert_eq!(&bytes[..], b"before");
}

#[test]
fn a_frame_of_the_other_direction_is_refused() {
    let mut bytes = BytesMut::new();
    frame::put_closing(&mut bytes);
    assert_eq!(frame::take::<FromClient>(&mut bytes), Err(BadFrame::Kind(6)));
    frame::put_ping(&mut bytes, 1);
    assert_eq!(frame::take::<FromServer>(&mut bytes), Err(BadFrame::Kind(4)));
}

/// Takes all frames out of bytes that come in pieces, until one is refused.
fn take_all<T: Frame>(pieces: &[Vec<u8>]) -> (Vec<T>, Option<BadFrame>) {
    let (mut received, mut frames) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        received.extend_from_slice(piece);
        loop {
            match frame::take(&mut received) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn a_frame() -> impl Strategy<Value = FromClient> {
    let id = any::<u64>();
    prop_oneof![
        id.prop_map(|id| FromClient::Ping { id }),
        (id, any::<[u8; 32]>(), 0_u8..3).prop_map(|(id, person, traced)| {
            let caller = Caller { person: Pseudonym(person), ..caller() };
            let state = TraceState::parse(b"vendor=1,other=2").filter(|_| traced > 1);
            let trace = (traced > 0).then(|| TraceContext { state, ..trace() });
            FromClient::Request { id, trace, command: Command::Bookings(caller) }
        }),
        (id, any::<u16>(), any::<u32>()).prop_map(|(id, service, office)| {
            let place = talon_wire::Place {
                authority: AuthorityId(1),
                office: OfficeId(office),
                service: ServiceId(service),
            };
            let channel = talon_domain::ids::Channel::Web;
            FromClient::Request { id, trace: None, command: Command::Days { place, channel } }
        }),
    ]
}

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut(
        frames in proptest::collection::vec(a_frame(), 0..20),
        size in 1_usize..200,
    ) {
        let mut bytes = BytesMut::new();
        for frame in &frames {
            match frame {
                FromClient::Request { id, trace, command } => {
                    frame::put_request(&mut bytes, *id, trace.as_ref(), command).unwrap();
                }
                FromClient::Ping { id } => frame::put_ping(&mut bytes, *id),
            }
        }
        let pieces: Vec<Vec<u8>> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
        prop_assert_eq!(take_all::<FromClient>(&pieces), (frames, None));
    }

    #[test]
    fn any_bytes_are_frames_or_are_refused(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 0..8),
    ) {
        // Neither panics, whatever comes.
        let _ = take_all::<FromClient>(&pieces);
        let _ = take_all::<FromServer>(&pieces);
    }

    #[test]
    fn any_body_of_a_known_kind_is_read_or_refused(
        kind in 1_u8..10, body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let length = u32::try_from(9 + body.len()).unwrap().to_le_bytes();
        let frame = [&length[..], &[kind], &[0; 8], &body].concat();
        let mut bytes = BytesMut::from(&frame[..]);
        let left = match frame::take::<FromServer>(&mut bytes) {
            Ok(frame) => frame.is_some(),
            Err(BadFrame::Kind(bad) | BadFrame::Body(bad)) => bad == kind,
            Err(_) => false,
        };
        prop_assert!(left);
        prop_assert!(bytes.is_empty(), "a frame is taken whole");
        let _ = frame::take::<FromClient>(&mut BytesMut::from(&frame[..]));
    }

    #[test]
    fn any_bytes_are_a_hello_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
        let prefix = Prefix { version: hello::PROTOCOL_VERSION, length: bytes.len() };
        let _ = prefix.body::<ClientHello>(&bytes);
        let _ = prefix.body::<ServerHello>(&bytes);
    }
}
