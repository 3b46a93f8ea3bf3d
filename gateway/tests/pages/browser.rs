//! A browser without scripts: cookies, links, forms. It looks at every page that it opens.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::site::Site;

/// How long an answer may take on a busy machine.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

const TEXTS: [&str; 2] = [
    include_str!("../../pages/locales/uk/pages.ftl"),
    include_str!("../../pages/locales/uk/problems.ftl"),
];

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// The status.
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    /// The body as it came.
    pub(crate) bytes: Vec<u8>,
    /// The path it was asked for.
    pub(crate) path: String,
}

impl Page {
    /// A header's value, empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(of, _)| of.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// The text of the `h1`.
    pub(crate) fn heading(&self) -> &str {
        between(self.text(), "<h1", "</h1>").next().unwrap().split_once('>').unwrap().1
    }

    /// The addresses that links lead to.
    pub(crate) fn links(&self) -> Vec<String> {
        let main = self.text().split("<main").nth(1).unwrap();
        between(main, "href=\"", "\"").map(unescaped).collect()
    }

    /// The first link of the page's own that starts so.
    pub(crate) fn link(&self, start: &str) -> String {
        let found = self.links().into_iter().find(|link| link.starts_with(start));
        found.unwrap_or_else(|| panic!("no link {start}… in {}", self.text()))
    }

    /// The last link of the page's own that starts so.
    pub(crate) fn last_link(&self, start: &str) -> String {
        let found = self.links().into_iter().rfind(|link| link.starts_with(start));
        found.unwrap_or_else(|| panic!("no link {start}… in {}", self.text()))
    }

    /// The value of a hidden field.
    pub(crate) fn field(&self, name: &str) -> &str {
        let start = format!("name=\"{name}\" value=\"");
        let found = between(self.text(), &start, "\"").next();
        found.unwrap_or_else(|| panic!("no field {name} in {}", self.text()))
    }
}

/// A browser with a language.
pub(crate) struct Browser<'a> {
    site: &'a Site,
    language: &'static str,
    cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    /// A browser that prefers a language.
    pub(crate) fn new(site: &'a Site, language: &'static str) -> Self {
        Self { site, language, cookies: BTreeMap::new() }
    }

    /// Opens a page.
    pub(crate) fn get(&mut self, path: &str) -> Page {
        self.get_with(path, "")
    }

    /// Opens a page with further header lines, each with its end.
    pub(crate) fn get_with(&mut self, path: &str, headers: &str) -> Page {
        let page = self.ask(self.site.address, "GET", path, headers, "");
        self.check(&page);
        page
    }

    /// Sends a form of our own.
    pub(crate) fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let origin = format!("http://{}", self.site.address);
        self.post_from(&origin, path, form)
    }

    /// Sends a form of another site's.
    pub(crate) fn post_from(&mut self, origin: &str, path: &str, form: &[(&str, &str)]) -> Page {
        let body = serde_urlencoded::to_string(form).unwrap();
        let headers = format!(
            "Origin: {origin}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n",
            body.len()
        );
        let page = self.ask(self.site.address, "POST", path, &headers, &body);
        self.check(&page);
        page
    }

    /// Opens where an answer sends to.
    pub(crate) fn follow(&mut self, page: &Page) -> Page {
        assert_eq!(page.status, 303, "{page:?}");
        let location = page.header("location").to_owned();
        self.get(&location)
    }

    /// Logs in as a person of the stand-in hub by a login link; gives the page it returns to.
    pub(crate) fn log_in(&mut self, link: &str, person: u32) -> Page {
        self.log_in_as(link, &person.to_string())
    }

    /// The same, with whatever else is said to the hub: `7&entity=2`.
    pub(crate) fn log_in_as(&mut self, link: &str, person: &str) -> Page {
        let begun = self.get(link);
        assert_eq!(begun.status, 303);
        let hub = format!("http://{}", self.site.hub);
        let at_hub = begun.header("location").strip_prefix(&hub).unwrap();
        let chosen = format!("{at_hub}&person={person}");
        let back = self.ask(self.site.hub, "GET", &chosen, "", "");
        let ours = format!("http://{}", self.site.address);
        let callback = back.header("location").strip_prefix(&ours).unwrap().to_owned();
        let done = self.get(&callback);
        self.follow(&done)
    }

    fn ask(&mut self, to: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {to}\r\nAccept: text/html\r\n\
             Accept-Language: {}\r\nCookie: {}\r\nConnection: close\r\n{headers}\r\n{body}",
            self.language,
            cookies.join("; "),
        );
        let mut stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(ANSWER_DEADLINE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&answer[..end]).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let page =
            Page { status, headers, bytes: answer[end + 4..].to_vec(), path: path.to_owned() };
        if to == self.site.address {
            self.take_cookies(&page);
        }
        page
    }

    fn take_cookies(&mut self, page: &Page) {
        for (_, value) in page.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, rest) = value.split_once('=').unwrap();
            match rest.split(';').next().unwrap() {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    /// What holds for every page.
    fn check(&self, page: &Page) {
        let is_page = page.header("content-type").starts_with("text/html");
        assert!(!page.header("x-request-id").is_empty(), "{page:?}");
        if !is_page || !page.header("content-encoding").is_empty() || page.status == 304 {
            return;
        }
        let (text, path) = (page.text(), &page.path);
        assert_eq!(text.matches("<h1").count(), 1, "{path}: one h1");
        let tag = page.header("content-language");
        assert!(text.contains(&format!("<html lang=\"{tag}\"")), "{path}: lang");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        let scripts = text.matches("<script").count();
        let modules = text.matches("<script type=\"module\" src=\"/assets/").count();
        assert_eq!(scripts, modules, "{path}: an inline script");
        for inline in ["<style", " style=", " onclick=", " onload=", "javascript:"] {
            assert!(!text.contains(inline), "{path}: {inline}");
        }
        for key in
            TEXTS.iter().flat_map(|file| file.lines()).filter_map(|line| line.split_once(" ="))
        {
            assert!(!text.contains(&format!(">{}<", key.0)), "{path}: no text for {}", key.0);
        }
        assert!(!text.contains("{$") && !text.contains("{ $"), "{path}: an argument is missing");
    }
}

/// The parts of a text that stand between two others.
pub(crate) fn between<'t>(text: &'t str, start: &str, end: &str) -> impl Iterator<Item = &'t str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split(end).next())
}

fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&")
}
