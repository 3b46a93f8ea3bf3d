//! What holds for any bytes in the ledger's journal and on its connections. Called by the fuzz targets,
//! and by the ledger's tests over the corpus and changes of it.

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;

use bytes::BytesMut;
use talon_journal::simulation::{SimDisk, SimEntropy};
use talon_journal::{Access, Class, Disk, Entry, Journal, JournalKind, Options, read_journal};
use talon_ledger::record::Record;
use talon_wire::frame::{self, BadFrame, Frame, FromClient, FromServer};
use talon_wire::hello::{self, ClientHello, PREFIX_BYTES, Prefix, ServerHello};

/// The size of the segment that is written over.
const SEGMENT_BYTES: u64 = 32 << 10;
/// The records in it.
const BODIES: [&[u8]; 4] = [b"one", b"", b"the third record", &[0xA5; 300]];

/// A record decodes and encodes to a record that is the same, or it is refused.
pub(crate) fn record(bytes: &[u8]) {
    let Ok(record) = Record::decode(bytes) else { return };
    let mut again = Vec::new();
    record.encode_into(&mut again);
    assert_eq!(Record::decode(&again).expect("we wrote it"), record);
}

/// What is received of either side is the same frames in whatever pieces it comes, each is written as what
/// it was read from says, and a hello is read as it would be written or is refused.
pub(crate) fn frames(bytes: &[u8]) {
    direction::<FromClient>(bytes, |to, frame| match frame {
        FromClient::Request { id, trace, command } => {
            frame::put_request(to, *id, trace.as_ref(), command).expect("it came in a frame");
        }
        FromClient::Ping { id } => frame::put_ping(to, *id),
    });
    direction::<FromServer>(bytes, |to, frame| match frame {
        FromServer::Answer { id, answer } => {
            frame::put_answer(to, *id, answer).expect("it came in a frame");
        }
        FromServer::Health(health) => frame::put_health(to, health).expect("it came in a frame"),
        FromServer::Pong { id } => frame::put_pong(to, *id),
        FromServer::Closing => frame::put_closing(to),
        FromServer::Refused(refusal) => frame::put_refused(to, *refusal),
    });
    let Some((prefix, body)) = bytes.split_first_chunk::<PREFIX_BYTES>() else { return };
    let Ok(prefix) = Prefix::decode(prefix) else { return };
    let body = &body[..body.len().min(prefix.length)];
    if let Ok(read) = prefix.body::<ClientHello>(body) {
        let again = hello::encode(&read);
        assert_eq!(prefix.body::<ClientHello>(&again[PREFIX_BYTES..]), Ok(read));
    }
    if let Ok(read) = prefix.body::<ServerHello>(body) {
        let again = hello::encode(&read);
        assert_eq!(prefix.body::<ServerHello>(&again[PREFIX_BYTES..]), Ok(read));
    }
}

/// One side's frames.
fn direction<T: Frame + PartialEq + Debug>(bytes: &[u8], put: impl Fn(&mut BytesMut, &T)) {
    let whole = taken::<T>(bytes, bytes.len());
    assert_eq!(taken::<T>(bytes, 1), whole);
    for frame in whole.0 {
        let mut again = BytesMut::new();
        put(&mut again, &frame);
        assert_eq!(frame::take::<T>(&mut again), Ok(Some(frame)));
        assert!(again.is_empty());
    }
}

/// The frames that come in pieces of so many bytes, and what ended them.
fn taken<T: Frame>(bytes: &[u8], piece: usize) -> (Vec<T>, Option<BadFrame>) {
    let (mut received, mut frames) = (BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece.max(1)) {
        received.extend_from_slice(piece);
        loop {
            match frame::take::<T>(&mut received) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(bad) => return (frames, Some(bad)),
            }
        }
    }
    (frames, None)
}

/// Writes over a segment, by patches of offset (two bytes), length (one byte) and bytes, and reads
/// it: an error, or a beginning of what was committed.
pub(crate) fn journal(patches: &[u8]) {
    let disk = SimDisk::new();
    write(&disk);
    let mut names = disk.list().expect("it lists");
    names.sort();
    let segment = names.iter().find(|name| length(&disk, name) > 0).expect("there is a segment");
    let file = disk.open(segment, Access::ReadWrite).expect("it opens");
    let mut rest = patches;
    while let [low, high, length, after @ ..] = rest {
        let (bytes, next) = after.split_at(after.len().min(usize::from(*length)));
        let offset = u64::from(u16::from_le_bytes([*low, *high]));
        file.write_at(offset % SEGMENT_BYTES, bytes).expect("it writes");
        rest = next;
    }
    let mut read = Vec::new();
    let visit = |entry: Entry<'_>| {
        if let Entry::Record { body, .. } = entry {
            read.push(body.to_vec());
        }
        Ok::<(), Infallible>(())
    };
    let _damage_is_told = read_journal(&disk, visit, |done, total| assert!(done <= total));
    assert!(read.len() <= BODIES.len() && read.iter().zip(BODIES).all(|(read, body)| read == body));
}

fn length(disk: &SimDisk, name: &str) -> u64 {
    disk.open(name, Access::Read).and_then(|file| file.length()).unwrap_or(0)
}

fn write(disk: &SimDisk) {
    let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::new(JournalKind::Demo) };
    let options = Options { max_batch_bytes: 8 << 10, ..options };
    let entropy = Box::new(SimEntropy::new(1));
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let nothing = |_, _, _: &[u8]| Ok::<(), Infallible>(());
    let (journal, _) = Journal::open(shared, options, entropy, nothing).expect("it opens");
    for body in BODIES {
        let room = journal.reserve_records(Class::Ordinary, 1, body.len()).expect("there is room");
        journal.append(room, body);
        journal.commit_pending(1_700_000_000_000_000).expect("the disk works");
    }
}
