//! What attacks at the edge cost honest clients, and what handshakes cost the gateway.
//!
//! Owns the comparison and nothing else; nothing calls it but `cargo bench`. The gateway, each attacker and
//! the honest client are processes of their own: this program started again in another role. Attackers come
//! from an address of their own. In truth each of the three has a computer of its own: so where the system allows
//! it, the gateway goes before attackers on a processor, and the honest client, which has little to do and holds the
//! clock, before both. What is measured is what attackers do to the gateway, not the processor time that they take
//! from it on a small machine, nor how long a client waits there for a processor.
//!
//! - attacks: rounds without and with each attack alternate; an honest client asks on a connection that it
//!   keeps and on fresh ones by turns, and the percentiles are over all its requests of all rounds;
//! - handshakes: connections with one request each, in full and resumed, on one thread; processor time is
//!   that of all threads of the gateway.

mod attacks;
mod gateway;
mod honest;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use attacks::Attack;
use gateway::Gateway;
use honest::{Honest, Secure};

const ROUNDS: usize = 4;
/// Honest requests in one round.
const REQUESTS: usize = 400;
/// Between two honest requests.
const PAUSE: Duration = Duration::from_millis(2);
/// Handshakes of one kind in one round: what the gateway's budget bears at once.
const HANDSHAKES: usize = 400;
/// After a round of handshakes the budget recovers.
const RECOVERY: Duration = Duration::from_secs(1);

/// Who goes before others on a processor: a realtime priority, as `chrt` has it.
#[derive(Clone, Copy)]
enum Rank {
    Gateway = 1,
    Honest = 2,
}

impl Rank {
    /// Gives it to this process: the gateway's to its threads as well, the client's to nothing that it starts.
    fn take(self) {
        let mut chrt = Command::new("chrt");
        if let Self::Honest = self {
            chrt.arg("--reset-on-fork");
        }
        chrt.args(["--fifo", "--pid"]);
        chrt.args([self as u32, std::process::id()].map(|number| number.to_string()));
        let given = chrt.stderr(Stdio::null()).status();
        if !given.is_ok_and(|status| status.success()) {
            eprintln!("no realtime priority: waiting for a processor counts, too");
        }
    }
}

/// An attacker's process; dropping it ends it.
struct Attacker(Child);

impl Attacker {
    /// Starts one and waits until its attack is under way.
    fn start(attack: Attack, to: SocketAddr) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new("sh")
            .args(["-c", r#"ulimit -n "$(ulimit -Hn)"; exec nice -n 19 "$@""#, "sh"])
            .arg(program)
            .args(["attack", attack.name(), &to.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell is there");
        let said = child.stdout.take().expect("it is piped");
        let attacker = Self(child);
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).expect("it says something");
        assert_eq!(line.trim(), attacks::UNDER_WAY, "{} does not begin", attack.name());
        attacker
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _already_waited = self.0.wait();
    }
}

/// Times of requests, in microseconds.
#[derive(Default)]
struct Times(Vec<u64>);

impl Times {
    fn ask(&mut self, to: SocketAddr, requests: usize) {
        let mut honest = Honest::new(to);
        for _ in 0..requests {
            let start = Instant::now();
            honest.ask();
            let took = start.elapsed();
            self.0.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            std::thread::sleep(PAUSE);
        }
    }

    fn percentile(&mut self, percent: usize) -> f64 {
        self.0.sort_unstable();
        let place = (self.0.len() * percent).div_ceil(100).max(1) - 1;
        self.0[place] as f64 / 1000.0
    }
}

fn measure_attacks(rounds: usize, requests: usize) {
    println!(
        "{:<22} {:>9} {:>9} {:>12} {:>12} {:>7} {:>11}",
        "attack", "p50 ms", "p99 ms", "attacked p50", "attacked p99", "p99 ×", "memory MiB"
    );
    for attack in Attack::ALL {
        let gateway = Gateway::start(None);
        let (mut quiet, mut attacked) = (Times::default(), Times::default());
        Times::default().ask(gateway.public, requests);
        let memory = gateway.peak_memory();
        for _ in 0..rounds {
            quiet.ask(gateway.public, requests);
            let attacker = Attacker::start(attack, gateway.public);
            attacked.ask(gateway.public, requests);
            drop(attacker);
        }
        let (before, after) = (quiet.percentile(99), attacked.percentile(99));
        println!(
            "{:<22} {:>9.2} {before:>9.2} {:>12.2} {after:>12.2} {:>7.2} {:>+11}",
            attack.name(),
            quiet.percentile(50),
            attacked.percentile(50),
            after / before,
            (gateway.peak_memory() - memory) >> 20,
        );
    }
}

fn measure_handshakes(rounds: usize, handshakes: usize) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
    let made = made.expect("a certificate can be made");
    let gateway = Gateway::start(Some(&made));
    println!("\n{:<12} {:>10} {:>22}", "handshake", "a second", "gateway's µs for each");
    let kinds = [("full", false), ("resumed", true)];
    let mut sums = [(Duration::ZERO, Duration::ZERO); 2];
    for _ in 0..rounds {
        for ((_, resumes), (took, used)) in kinds.iter().zip(&mut sums) {
            let secure = Secure::new(gateway.public, made.cert.der(), *resumes);
            // The first one of a client is always in full.
            secure.ask(None);
            let (start, before) = (Instant::now(), gateway.processor_time());
            for _ in 0..handshakes {
                secure.ask(Some(*resumes));
            }
            *took += start.elapsed();
            *used += gateway.processor_time() - before;
            std::thread::sleep(RECOVERY);
        }
    }
    let all = (rounds * handshakes) as f64;
    for ((name, _), (took, used)) in kinds.iter().zip(sums) {
        let (pace, cost) = (all / took.as_secs_f64(), used.as_secs_f64() * 1e6 / all);
        println!("{name:<12} {pace:>10.0} {cost:>22.0}");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", directory, settings @ ..] => {
            Rank::Gateway.take();
            gateway::serve(directory, settings);
        }
        ["attack", name, to] => attacks::run(name, to.parse().expect("an address")),
        // Without it this is a test that the bench still runs.
        given if !given.contains(&"--bench") => {
            measure_attacks(1, 2);
            measure_handshakes(1, 2);
        }
        _ => {
            Rank::Honest.take();
            measure_attacks(ROUNDS, REQUESTS);
            measure_handshakes(ROUNDS, HANDSHAKES);
        }
    }
}
