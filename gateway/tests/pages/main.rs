//! The citizen's pages, walked as a browser without scripts walks them.

#![expect(clippy::unwrap_used, reason = "a setup that fails is a test that fails")]

mod browser;
mod choosing;
mod moving;
mod site;

use std::io::Read;

use browser::{Browser, Page, between};
use site::Site;

/// First visit, compressed: one round trip of a new connection.
const MAX_FIRST_VISIT_BYTES: usize = 14 * 1024;

const OFFICE: &str = "/book/mvs/theory-exam/8041";

/// The confirming page of a free time, chosen link by link from the front page: on the last day,
/// which can still be cancelled.
fn choose(browser: &mut Browser<'_>) -> Page {
    let front = browser.get("/");
    let offices = browser.get(&front.link("/book/mvs/theory-exam"));
    let days = browser.get(&offices.link(OFFICE));
    let times = browser.get(&days.last_link(&format!("{OFFICE}/")));
    let start = times.link(&format!("{}/", times.path));
    browser.get(&start)
}

/// Like [`choose`], and logged in.
fn choose_as(browser: &mut Browser<'_>, person: u32) -> Page {
    let asked = choose(browser);
    let back = browser.log_in(&asked.link("/login?"), person);
    assert_eq!(back.path, asked.path, "a login returns to where it began");
    back
}

fn book(browser: &mut Browser<'_>, form: &Page) -> Page {
    let answer = browser.post(&form.path, &[("key", form.field("key"))]);
    browser.follow(&answer)
}

fn walk(site: &Site, language: &'static str, person: u32, says: [&str; 4]) {
    let mut browser = Browser::new(site, language);
    let form = choose_as(&mut browser, person);
    assert_eq!(form.heading(), says[0]);
    assert_eq!(form.header("cache-control"), "no-store");
    let ticket = book(&mut browser, &form);
    assert_eq!(ticket.heading(), says[1]);
    assert_eq!(ticket.header("cache-control"), "no-store");
    assert!(ticket.text().contains(says[2]), "the zone is named: {}", ticket.text());
    let list = browser.get("/tickets");
    assert_eq!(list.link("/tickets/"), ticket.path);
    let answer = browser.post(&format!("{}/cancel", ticket.path), &[]);
    let cancelled = browser.follow(&answer);
    assert_eq!((cancelled.heading(), &cancelled.path), (says[3], &ticket.path));
    assert!(!cancelled.text().contains("/cancel\""));
    let answer = browser.post("/logout", &[]);
    let front = browser.follow(&answer);
    assert!(front.link("/login?").contains("return="));
    assert_eq!(browser.get(&ticket.path).status, 401);
}

#[test]
fn a_visit_is_booked_and_cancelled_without_scripts_in_both_languages() {
    let site = Site::start();
    let uk = ["Перевірте й підтвердьте", "Вас записано", "за київським часом", "Запис скасовано"];
    walk(&site, "uk", 1, uk);
    let en = ["Check and confirm", "You are booked", "Kyiv time", "The booking is cancelled"];
    walk(&site, "en", 2, en);
}

#[test]
fn what_people_have_to_know_stands_before_the_choice_of_an_office_in_both_languages() {
    let site = Site::start();
    for (language, says) in [
        ("uk", ["Хто може записатися", "Свідоцтво про закінчення автошколи", "350 грн"]),
        ("en", ["Who may book", "Certificate of the driving school", "350 UAH"]),
    ] {
        let page = Browser::new(&site, language).get("/book/mvs/theory-exam");
        let text = page.text();
        let (before, offices) = text.split_once("id=\"where\"").unwrap();
        assert!(says.iter().all(|word| before.contains(word)), "{before}");
        assert!(before.contains("href=\"tel:+380442901988\""), "{before}");
        assert!(offices.contains(OFFICE));
    }
}

#[test]
fn what_people_ask_is_answered_on_the_authoritys_page_and_each_service_leads_there() {
    let site = Site::start();
    for (language, title, question, answer) in [
        ("uk", "Запитання й відповіді", "Що буде, якщо запізнитися?", "Якщо вас немає, коли"),
        ("en", "Questions and answers", "What if I am late?", "Whoever is absent when called"),
    ] {
        let mut browser = Browser::new(&site, language);
        // The only authority's page is the front page.
        let front = browser.get("/");
        let text = front.text();
        let (_, questions) = text.split_once("id=\"questions\"").unwrap();
        assert!(questions.starts_with(&format!(">{title}</h2>")), "{questions}");
        let asked = format!("<details><summary>{question}</summary><p>{answer}");
        assert!(questions.contains(&asked), "{questions}");
        let service = browser.get("/book/mvs/practical-exam");
        let (about, _) = service.text().split_once("id=\"where\"").unwrap();
        assert!(about.contains(title) && !about.contains(question), "{about}");
        let more = service.link("/book/mvs#");
        let page = browser.get(more.split('#').next().unwrap());
        assert_eq!((page.status, page.header("location")), (303, "/"));
        // With a search or a move one has read it already.
        let search = browser.get("/book/mvs/practical-exam?q=8041");
        assert!(!search.text().contains(title), "{}", search.text());
    }
}

#[test]
fn a_form_sent_twice_books_once_and_another_form_says_why_not() {
    let site = Site::start();
    let mut browser = Browser::new(&site, "uk");
    let form = choose_as(&mut browser, 3);
    let first = book(&mut browser, &form);
    let second = book(&mut browser, &form);
    assert_eq!(first.path, second.path);
    let another = browser.get(&form.path);
    let refused = browser.post(&another.path, &[("key", another.field("key"))]);
    assert_eq!((refused.status, refused.heading()), (409, "Ви вже записані на цю послугу"));
    assert_eq!(refused.link("/tickets"), "/tickets");
    let tickets = browser.get("/tickets");
    let count = tickets.links().iter().filter(|link| link.starts_with("/tickets/")).count();
    assert_eq!(count, 1);
}

#[test]
fn what_is_somebody_elses_is_not_found_and_other_sites_change_nothing() {
    let site = Site::start();
    let mut owner = Browser::new(&site, "en");
    let form = choose_as(&mut owner, 4);
    let ticket = book(&mut owner, &form);
    let mut other = Browser::new(&site, "en");
    other.log_in("/login?return=%2Ftickets", 5);
    let refused = other.get(&ticket.path);
    assert_eq!((refused.status, refused.heading()), (404, "Not found"));
    let cancel = format!("{}/cancel", ticket.path);
    assert_eq!(other.post(&cancel, &[]).status, 404);
    let evil = "https://evil.example";
    assert_eq!(owner.post_from(evil, &cancel, &[]).status, 403);
    assert_eq!(owner.post_from(evil, &form.path, &[("key", "k")]).status, 403);
    assert_eq!(owner.post_from(evil, "/language", &[("language", "uk")]).status, 403);
    assert_eq!(owner.get(&ticket.path).heading(), "You are booked");
}

#[test]
fn a_place_that_is_gone_is_said_with_what_is_left() {
    let site = Site::start();
    let mut first = Browser::new(&site, "en");
    let days = first.get("/book/mvs/international-licence/545");
    let times = first.get(&days.last_link("/book/mvs/international-licence/545/"));
    let single = times.text().split("<li>").find(|card| card.contains(">1 place<")).unwrap();
    let path = between(single, "href=\"", "\"").next().unwrap();
    let asked = first.get(path);
    let form = first.log_in(&asked.link("/login?"), 6);
    let mut second = Browser::new(&site, "en");
    let asked = second.get(path);
    let late = second.log_in(&asked.link("/login?"), 7);
    let ticket = book(&mut first, &form);
    let refused = second.post(path, &[("key", late.field("key"))]);
    assert_eq!((refused.status, refused.heading()), (409, "Somebody has just taken this time"));
    assert_ne!(refused.link(&format!("{}/", times.path)), path, "other times are offered");
    assert_eq!(second.get(path).status, 409, "the deep link says so too");
    let back = first.get(path);
    assert_eq!(back.header("location"), ticket.path, "whoever goes back finds their ticket");
}

/// The time of a place that nobody else can have besides, and two more of the same service.
fn single_and_others(browser: &mut Browser<'_>) -> [String; 3] {
    let days = browser.get("/book/mvs/international-licence/545");
    let times = browser.get(&days.last_link("/book/mvs/international-licence/545/"));
    let single = times.text().split("<li>").find(|card| card.contains(">1 place<")).unwrap();
    let single = between(single, "href=\"", "\"").next().unwrap().to_owned();
    let start = format!("{}/", times.path);
    let is_other = |link: &String| link.starts_with(&start) && *link != single;
    let mut others = times.links().into_iter().filter(is_other);
    let [one, another] = [(); 2].map(|()| others.next().unwrap());
    [single, one, another]
}

/// The form of whoever waits instead of solving, after the wait.
fn wait_at(browser: &mut Browser<'_>, path: &str) -> Page {
    let answer = browser.post(path, &[("wait", "1")]);
    browser.follow(&answer)
}

fn send(browser: &mut Browser<'_>, form: &Page) -> Page {
    let sent = [("key", form.field("key")), ("altcha", form.field("altcha"))];
    browser.post(&form.path, &sent)
}

#[test]
fn who_waited_keeps_the_promise_when_the_place_is_gone_and_has_three_tries() {
    let site = Site::asking_for_proofs();
    let [mut first, mut second] = [(); 2].map(|()| Browser::new(&site, "en"));
    let [path, other, third] = single_and_others(&mut first);
    for (browser, person) in [(&mut first, 10), (&mut second, 11)] {
        let asked = browser.get(&path);
        browser.log_in(&asked.link("/login?"), person);
    }
    let form = wait_at(&mut first, &path);
    let late = wait_at(&mut second, &path);
    assert!(late.text().contains("You can book without the puzzle until"), "{}", late.text());
    let booked = send(&mut first, &form);
    assert_eq!(first.follow(&booked).heading(), "You are booked");
    assert_eq!(send(&mut second, &late).status, 409);

    let form = second.get(&other);
    assert_eq!(form.field("altcha"), late.field("altcha"), "nobody waits twice");
    let booked = send(&mut second, &form);
    assert_eq!(second.follow(&booked).heading(), "You are booked");
    assert_eq!(second.get(&third).field("altcha"), "", "it has had its effect");

    let form = wait_at(&mut second, &third);
    assert_eq!(send(&mut second, &form).heading(), "You have a booking for this service");
    let form = second.get(&third);
    let refused = send(&mut second, &form);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("You have used your 3 tries"), "{}", refused.text());
    assert_eq!(second.get(&third).field("altcha"), "", "it is good for nothing more");
}

#[test]
fn pages_of_the_choice_are_for_everybody_and_addresses_with_mistakes_lead_on() {
    let site = Site::start();
    let mut nobody = Browser::new(&site, "uk");
    let days = nobody.get(OFFICE);
    assert_eq!(days.header("cache-control"), "public, max-age=1");
    let known = format!("If-None-Match: {}\r\n", days.header("etag"));
    assert_eq!(nobody.get_with(OFFICE, &known).status, 304);
    let mut somebody = Browser::new(&site, "uk");
    somebody.log_in("/login?return=%2Ftickets", 8);
    assert_eq!(somebody.get(OFFICE).text(), days.text());
    let later = nobody.get(&format!("{OFFICE}/2030-01-01"));
    assert_eq!(later.heading(), "Запис на цю дату ще не відкрито");
    assert!(later.text().contains("Відкриється 11 грудня 2029 о 06:00"), "{}", later.text());
    for (path, status) in [
        ("/nowhere", 404),
        ("/tickets", 401),
        ("/book/mvs/nothing", 404),
        ("/book/mvs/theory-exam/1", 404),
        ("/book/mvs/theory-exam/8041/today", 404),
        ("/book/mvs/theory-exam/8041/2020-01-01", 422),
        ("/book/mvs/theory-exam/8041/2030-01-01/09:00", 409),
        ("/assets/talon.css", 404),
    ] {
        let page = nobody.get(path);
        assert_eq!(page.status, status, "{path}");
        assert!(!page.links().is_empty(), "{path} leads nowhere");
        assert!(page.text().contains(page.header("x-request-id")), "{path}");
    }
    assert_eq!(nobody.get("/book/mvs").header("location"), "/");
}

#[test]
fn the_language_is_switched_by_a_form_and_offices_are_found_by_words() {
    let site = Site::start();
    let mut browser = Browser::new(&site, "en");
    let offices = browser.get("/book/mvs/theory-exam?q=syretska");
    assert!(offices.text().contains("1 office was found"), "{}", offices.text());
    assert_eq!(offices.link(OFFICE), OFFICE);
    let back = offices.field("return").to_owned();
    let form = [("language", "uk"), ("return", back.as_str())];
    let answer = browser.post("/language", &form);
    let offices = browser.follow(&answer);
    assert!(offices.text().contains("Знайдено 1 офіс."), "{}", offices.text());
    let form = [("language", "en"), ("return", "https://evil.example/")];
    assert_eq!(browser.post("/language", &form).header("location"), "/");
    assert!(
        browser.get("/book/mvs/theory-exam?q=%3Cb%3E").text().contains("value=\"&#60;b&#62;\"")
    );
}

#[test]
fn the_first_visit_is_small() {
    let site = Site::start();
    let mut browser = Browser::new(&site, "uk");
    let gzip = "Accept-Encoding: gzip\r\n";
    let front = browser.get_with("/", gzip);
    let mut html = String::new();
    flate2::read::GzDecoder::new(&*front.bytes).read_to_string(&mut html).unwrap();
    let path = between(&html, "rel=\"stylesheet\" href=\"", "\"").next().unwrap();
    let style = browser.get_with(path, gzip);
    assert_eq!(style.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(style.header("content-encoding"), "gzip");
    let all = front.bytes.len() + style.bytes.len();
    assert!(all <= MAX_FIRST_VISIT_BYTES, "{all} bytes");
}

#[test]
fn a_form_with_a_proof_books_and_one_without_says_what_is_missing() {
    let site = Site::asking_for_proofs();
    let mut browser = Browser::new(&site, "en");
    let form = choose_as(&mut browser, 9);
    assert!(form.text().contains("unable\">") && form.text().contains("type=\"module\""));
    for asset in between(form.text(), "\"/assets/", "\"") {
        assert_eq!(browser.get(&format!("/assets/{asset}")).status, 200, "{asset}");
    }
    let refused = browser.post(&form.path, &[("key", form.field("key")), ("altcha", "")]);
    assert_eq!((refused.status, refused.heading()), (403, "A proof of work is needed"));
    assert_eq!(refused.link(&form.path), form.path);
    let address = between(form.text(), "data-challenge=\"", "\"").next().unwrap();
    let challenge = browser.get(&address.replace("&#38;", "&"));
    let challenge: talon_pow::Challenge = serde_json::from_slice(&challenge.bytes).unwrap();
    let solution = talon_pow::solve(&challenge, 100_000).unwrap();
    let payload = talon_pow::encode_payload(&challenge, &solution);
    let sent = [("key", form.field("key")), ("altcha", payload.as_str())];
    let answer = browser.post(&form.path, &sent);
    let ticket = browser.follow(&answer);
    assert_eq!(ticket.heading(), "You are booked");
    let again = browser.post(&form.path, &sent);
    assert_eq!(again.header("location"), ticket.path, "a spent proof does not hide the booking");
}
