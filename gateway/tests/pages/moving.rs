//! Moving a booking and booking for an organisation, on the pages, without scripts.

use crate::browser::{Browser, Page};
use crate::site::Site;
use crate::{OFFICE, book, choose, choose_as};

/// What the pages say on the way, in one language.
struct Says {
    button: &'static str,
    note: &'static str,
    confirm: &'static str,
    /// The new ticket, right after the move.
    outcome: &'static str,
    /// The new ticket, opened later.
    booked: &'static str,
    /// The old ticket.
    moved: &'static str,
}

/// Whether the page has a radio button for an organisation.
fn offers_entity(form: &Page) -> bool {
    form.text().contains("name=\"for\" value=\"entity\"")
}

/// From a ticket to the confirming page of another time, link by link.
fn choose_again(browser: &mut Browser<'_>, ticket: &Page, says: &Says) -> Page {
    assert!(ticket.text().contains(says.button), "{}", ticket.text());
    let days = browser.get(&ticket.link(OFFICE));
    assert!(days.path.contains("?move="), "{}", days.path);
    assert_eq!(days.header("cache-control"), "public, max-age=1");
    let times = browser.get(&days.last_link(&format!("{OFFICE}/")));
    for page in [&days, &times] {
        assert!(page.text().contains(says.note), "{}: {}", page.path, page.text());
    }
    let links = times.links();
    let last = links.iter().rfind(|link| link.contains(":") && link.contains("?move="));
    browser.get(last.expect("there is another time"))
}

fn walk(site: &Site, language: &'static str, person: u32, says: &Says) {
    let mut browser = Browser::new(site, language);
    let form = choose_as(&mut browser, person);
    let ticket = book(&mut browser, &form);
    let form = choose_again(&mut browser, &ticket, says);
    assert_eq!(form.link(&ticket.path), ticket.path, "what is moved is named");
    assert!(form.text().contains(says.confirm), "{}", form.text());
    assert_eq!(ticket.heading(), says.booked);
    let moved = book(&mut browser, &form);
    assert_eq!(moved.heading(), says.outcome);
    let (address, _) = moved.path.split_once('?').unwrap();
    assert_ne!(address, ticket.path);
    assert_eq!(browser.get(address).heading(), says.booked, "a ticket is a ticket");
    let time = form.path.split('?').next().unwrap().rsplit('/').next().unwrap();
    assert!(moved.text().contains(&time.replace("%3A", ":")), "{}", moved.text());
    // The form sent twice moves once.
    assert_eq!(book(&mut browser, &form).path, moved.path);
    let before = browser.get(&ticket.path);
    assert_eq!(before.heading(), says.moved);
    assert!(!before.text().contains("?move="), "it can be moved no more");
    let pretended = browser.get(&format!("{}?moved", ticket.path));
    assert_eq!(pretended.heading(), says.moved, "an address decides nothing");
    let list = browser.get("/tickets");
    assert_eq!(list.link("/tickets/"), address);
    // Back to the form of a booking that is moved already.
    let late = browser.get(&form.path);
    assert!([303, 409].contains(&late.status), "{}", late.status);
}

#[test]
fn a_booking_is_moved_without_scripts_in_both_languages() {
    let site = Site::start();
    let uk = Says {
        button: "Перенести на інший час",
        note: "Ви обираєте інший час для талона",
        confirm: "Перенести запис",
        outcome: "Запис перенесено",
        booked: "Вас записано",
        moved: "Запис перенесено на інший час",
    };
    walk(&site, "uk", 21, &uk);
    let en = Says {
        button: "Move to another time",
        note: "You are choosing another time for ticket",
        confirm: "Move the booking",
        outcome: "Your booking was moved",
        booked: "You are booked",
        moved: "The booking was moved to another time",
    };
    walk(&site, "en", 22, &en);
}

#[test]
fn moving_keeps_its_way_over_other_offices_a_login_and_a_mistake() {
    let site = Site::start();
    let mut browser = Browser::new(&site, "en");
    let form = choose_as(&mut browser, 23);
    let ticket = book(&mut browser, &form);
    let days = browser.get(&ticket.link(OFFICE));
    let (_, id) = days.path.split_once("?move=").unwrap();
    let offices = browser.get(&format!("/book/mvs/theory-exam?q=syretska&move={id}"));
    assert_eq!(offices.field("move"), id);
    assert_eq!(offices.link(OFFICE), days.path);
    let answer = browser.post("/logout", &[]);
    browser.follow(&answer);
    let times = browser.get(&days.last_link(&format!("{OFFICE}/")));
    let path =
        times.links().into_iter().rfind(|link| link.contains("?move=") && link.contains(':'));
    let asked = browser.get(&path.unwrap());
    let back = browser.log_in(&asked.link("/login?"), 23);
    assert_eq!(back.path, asked.path, "a login returns to the same move");
    let refused = browser.post(&back.path, &[("key", "")]);
    assert_eq!(refused.status, 400);
    assert_eq!(refused.link(&back.path), back.path, "the form can be opened again");
    let mut stranger = Browser::new(&site, "en");
    stranger.log_in("/login?return=%2Ftickets", 24);
    assert_eq!(stranger.get(&back.path).status, 404);
    assert_eq!(stranger.post(&back.path, &[("key", "k")]).status, 404);
    let other = back.path.replace("theory-exam", "practical-exam");
    assert_ne!(browser.get(&other).status, 200, "a move does not change the service");
    for wrong in ["x", "", &format!("{id}0")] {
        assert_eq!(browser.get(&format!("{OFFICE}?move={wrong}")).status, 404, "{wrong}");
    }
}

#[test]
fn a_visit_is_for_oneself_unless_the_organisation_is_chosen() {
    let site = Site::start();
    let mut citizen = Browser::new(&site, "en");
    assert!(!offers_entity(&choose_as(&mut citizen, 25)));
    let mut director = Browser::new(&site, "en");
    let asked = choose(&mut director);
    let form = director.log_in_as(&asked.link("/login?"), "26&entity=3");
    assert!(offers_entity(&form));
    assert!(form.text().contains("name=\"for\" value=\"person\" checked"), "{}", form.text());
    let fields = [("key", form.field("key")), ("for", "entity")];
    let answer = director.post(&form.path, &fields);
    let ticket = director.follow(&answer);
    assert!(ticket.text().contains("For your organisation"), "{}", ticket.text());
    assert!(director.get("/tickets").text().contains("For your organisation"));
    // The person's own limit is untouched.
    let again = choose(&mut director);
    let own = book(&mut director, &again);
    assert_eq!(own.heading(), "You are booked");
    assert!(!own.text().contains("For your organisation"));
    // Whoever represents nobody cannot pretend to.
    let form = choose(&mut citizen);
    let refused = citizen.post(&form.path, &[("key", form.field("key")), ("for", "entity")]);
    assert_eq!((refused.status, refused.heading()), (403, "Your login names no legal entity"));
    // A move stays with whom the booking is for.
    let days = director.get(&ticket.link(OFFICE));
    let times = director.get(&days.last_link(&format!("{OFFICE}/")));
    let path =
        times.links().into_iter().rfind(|link| link.contains("?move=") && link.contains(':'));
    let form = director.get(&path.unwrap());
    assert!(!offers_entity(&form));
    assert!(book(&mut director, &form).text().contains("For your organisation"));
}
