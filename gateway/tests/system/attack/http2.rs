//! Floods of HTTP/2: resets, continuations, headers, streams, pings, answers nobody takes.

use std::net::SocketAddr;

use talon_gateway::server::{MAX_HEADER_LIST_BYTES, MAX_RESET_STREAMS, MAX_STREAMS};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::frames::{begin, block, flag, frame, kind, line, next, request};
use super::{MAX_GROWTH, Memory, all_are_served, attacker, under_attack};
use crate::harness::Launch;

/// More than any attack here needs until its connection is ended.
const MANY: u32 = 100_000;

/// Stream numbers of a client.
fn streams() -> impl Iterator<Item = u32> {
    (0..MANY).map(|number| 2 * number + 1)
}

/// Writes what `make` gives for one stream after the other until the other end has had enough.
async fn flood(stream: &mut TcpStream, make: impl Fn(u32) -> Vec<u8>) -> bool {
    for number in streams() {
        if stream.write_all(&make(number)).await.is_err() {
            return true;
        }
    }
    false
}

/// Whether the connection is ended by a GOAWAY, or closed.
async fn is_sent_away(stream: &mut TcpStream) -> bool {
    loop {
        match next(stream).await {
            None => return true,
            Some((kind::GOAWAY, ..)) => return true,
            Some(_) => {}
        }
    }
}

fn opened_and_reset(number: u32) -> Vec<u8> {
    let reset = frame(kind::RST_STREAM, 0, number, &8_u32.to_be_bytes());
    [request(number), reset].concat()
}

async fn attack_for_ever(to: SocketAddr, make: impl Fn(u32) -> Vec<u8>) {
    loop {
        let mut stream = begin(to, &[]).await;
        assert!(flood(&mut stream, &make).await, "the flood is borne for ever");
    }
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_end_their_connection() {
    let gateway = Launch::new().start();
    let to = gateway.public();
    let memory = Memory::within(&gateway, MAX_GROWTH).await;
    under_attack(&gateway, attack_for_ever(to, opened_and_reset)).await;
    memory.check();
    // All at once, before any is looked at.
    let mut stream = begin(to, &[]).await;
    let number = u32::try_from(MAX_RESET_STREAMS).unwrap() * 4;
    let burst: Vec<u8> = streams().take(number as usize).flat_map(opened_and_reset).collect();
    stream.write_all(&burst).await.unwrap();
    assert!(is_sent_away(&mut stream).await);
}

#[tokio::test]
async fn headers_that_never_end_end_their_connection() {
    let gateway = Launch::new().start();
    let to = gateway.public();
    let memory = Memory::within(&gateway, MAX_GROWTH).await;
    let never_ending = |number: u32| match number {
        1 => frame(kind::HEADERS, flag::END_STREAM, 1, &block()),
        _ => frame(kind::CONTINUATION, 0, 1, &line("x", &"y".repeat(100))),
    };
    under_attack(&gateway, attack_for_ever(to, never_ending)).await;
    let empty = |number: u32| match number {
        1 => frame(kind::HEADERS, flag::END_STREAM, 1, &block()),
        _ => frame(kind::CONTINUATION, 0, 1, &[]),
    };
    under_attack(&gateway, attack_for_ever(to, empty)).await;
    memory.check();
}

#[tokio::test]
async fn a_header_list_beyond_the_bound_is_refused_and_one_within_is_answered() {
    let gateway = Launch::new().start();
    // The standard counts 32 bytes for each line besides its text.
    let value = "y".repeat(67);
    let lines = |count: u32| (0..count).flat_map(|_| line("x", &value)).collect::<Vec<u8>>();
    let most = MAX_HEADER_LIST_BYTES / 100;
    for (count, is_answered) in [(most / 2, true), (most + 1, false)] {
        let mut stream = begin(gateway.public(), &[]).await;
        let block = [block(), lines(count)].concat();
        let flags = flag::END_HEADERS | flag::END_STREAM;
        stream.write_all(&frame(kind::HEADERS, flags, 1, &block)).await.unwrap();
        let answered = loop {
            match next(&mut stream).await {
                // The first byte is the status: 0x88 stands for 200.
                Some((kind::HEADERS, 1, payload)) => break payload[0] == 0x88,
                Some((kind::RST_STREAM | kind::GOAWAY, ..)) | None => break false,
                Some(_) => {}
            }
        };
        assert_eq!(answered, is_answered, "{count} lines");
    }
    all_are_served(&gateway).await;
}

#[tokio::test]
async fn more_streams_at_once_than_the_bound_are_refused() {
    let gateway = Launch::new().start();
    // With a window of nothing no answer ends, so that all streams stay open.
    let mut stream = begin(gateway.public(), &[(4, 0)]).await;
    let burst: Vec<u8> = streams().take(MAX_STREAMS as usize + 1).flat_map(request).collect();
    stream.write_all(&burst).await.unwrap();
    let (number, code) = loop {
        match next(&mut stream).await.expect("the connection stays open") {
            (kind::RST_STREAM, number, code) => break (number, code),
            (kind::GOAWAY, ..) => panic!("the connection is ended"),
            _ => {}
        }
    };
    assert_eq!((number, code), (2 * MAX_STREAMS + 1, 7_u32.to_be_bytes().to_vec()));
}

#[tokio::test]
async fn answers_for_which_there_is_no_window_do_not_pile_up() {
    let gateway = Launch::new().start();
    let burst: Vec<u8> = streams().take(MAX_STREAMS as usize).flat_map(request).collect();
    let memory = Memory::within(&gateway, 300 * 512 * 1024).await;
    let mut held = Vec::new();
    for _ in 0..300 {
        let mut stream = begin(gateway.public(), &[(4, 0)]).await;
        stream.write_all(&burst).await.unwrap();
        held.push(stream);
    }
    under_attack(&gateway, std::future::pending()).await;
    memory.check();
}

#[tokio::test]
async fn pings_and_settings_whose_answers_nobody_reads_do_not_pile_up() {
    let gateway = Launch::new().start();
    let memory = Memory::within(&gateway, MAX_GROWTH).await;
    for again in [frame(kind::PING, 0, 0, &[7; 8]), frame(kind::SETTINGS, 0, 0, &[])] {
        let again = again.repeat(500);
        let mut streams = Vec::new();
        for _ in 0..50 {
            streams.push(begin(gateway.public(), &[]).await);
        }
        under_attack(&gateway, async {
            loop {
                for stream in &streams {
                    let _ = stream.try_write(&again);
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    memory.check();
}

#[tokio::test]
async fn what_only_begins_like_http2_is_sent_away() {
    let gateway = Launch::new().start();
    let mut stream = attacker(gateway.public()).await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await.unwrap();
    assert!(is_sent_away(&mut stream).await);
    all_are_served(&gateway).await;
}
