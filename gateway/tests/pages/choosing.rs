//! What the pages say on the way to a choice: how they look, where something is free, what opens next.

use crate::OFFICE;
use crate::browser::{Browser, between};
use crate::site::Site;

#[test]
fn letters_grow_and_contrast_is_switched_by_forms_and_remembered() {
    let site = Site::start();
    let mut browser = Browser::new(&site, "en");
    let page = browser.get(OFFICE);
    assert!(page.text().contains("<html lang=\"en\">"), "nothing chosen, nothing said");
    let back = page.field("return").to_owned();
    let press = |browser: &mut Browser<'_>, change| {
        let form = [("change", change), ("return", back.as_str())];
        let answer = browser.post("/appearance", &form);
        browser.follow(&answer)
    };
    let larger = press(&mut browser, "larger");
    assert_eq!(larger.path, OFFICE);
    assert!(larger.text().contains("<html lang=\"en\" data-size=\"1\">"), "{}", larger.text());
    let contrast = press(&mut browser, "high-contrast");
    assert!(contrast.text().contains("data-size=\"1\" data-contrast=\"high\">"));
    // Cacheable as before, and told apart by whatever keeps it.
    assert_eq!(contrast.header("cache-control"), "public, max-age=1");
    assert_ne!(contrast.header("etag"), page.header("etag"));
    assert!(contrast.header("vary").contains("Cookie"));
    press(&mut browser, "smaller");
    let usual = press(&mut browser, "colours");
    assert_eq!(usual.text(), page.text());
    assert_eq!(browser.post("/appearance", &[("change", "evil")]).status, 400);
    let evil = "https://evil.example";
    assert_eq!(browser.post_from(evil, "/appearance", &[("change", "larger")]).status, 403);
}

#[test]
fn offices_say_their_first_free_day_and_the_calendar_what_opens_next() {
    let site = Site::start();
    for (language, first, soon) in
        [("uk", "найближче місце: ", "Скоро відкриється"), ("en", "first place: ", "Opening soon")]
    {
        let mut browser = Browser::new(&site, language);
        let offices = browser.get("/book/mvs/theory-exam");
        let card = offices.text().split("<li>").find(|card| card.contains(OFFICE)).unwrap();
        let said = between(card, first, "<").next().unwrap().to_owned();
        let days = browser.get(OFFICE);
        // Of the months that are shown the first may have no day that is open.
        let (_, open) = days.text().split_once("class=\"month\"").unwrap();
        let first_open = between(open, "<a class=\"day\"", "</a>").next().unwrap();
        assert!(first_open.contains(&said), "{said}: {first_open}");
        let Some(announced) = between(days.text(), soon, "class=\"month\"").next() else {
            // After a Saturday come two days off, and no day is known so far ahead.
            let last = days.last_link(&format!("{OFFICE}/"));
            let last: jiff::civil::Date = last[OFFICE.len() + 1..].parse().unwrap();
            assert_eq!(last.weekday(), jiff::civil::Weekday::Saturday);
            continue;
        };
        let date = between(announced, "datetime=\"", "\"").next().unwrap();
        assert!(announced.contains(&format!("href=\"{OFFICE}/{date}\"")), "{announced}");
    }
}
