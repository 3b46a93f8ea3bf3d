//! Requests that two readers could understand differently: refused, and their connection closed.
//!
//! hyper reads as RFC 9112 says. A proxy in front may read otherwise, and what one of them takes
//! for a body the other would take for the next request. Must not know routes.

use http::request::Parts;
use http::{Version, header};

use super::problem::Problem;

/// Refuses a request whose end or whose host is a matter of opinion.
///
/// # Errors
/// [`Problem::BadRequest`], after which the connection is to be closed.
pub fn check(request: &Parts) -> Result<(), Problem> {
    let headers = &request.headers;
    // With both, hyper drops Content-Length and says nothing of it; so neither do we take chunks
    // alone. Our clients know how long their bodies are, which are at most 8 KiB.
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(Problem::bad_request("Content-Length, not Transfer-Encoding, is needed"));
    }
    let hosts = headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version == Version::HTTP_11) {
        return Err(Problem::bad_request("one Host is needed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn is_good(version: Version, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn a_body_in_chunks_is_refused_whether_or_not_it_has_a_length_too() {
        let host = ("host", "localhost");
        assert!(is_good(Version::HTTP_11, &[host, ("content-length", "3")]));
        assert!(!is_good(Version::HTTP_11, &[host, ("transfer-encoding", "chunked")]));
    }

    #[test]
    fn a_request_has_one_host() {
        assert!(is_good(Version::HTTP_11, &[("host", "a")]));
        assert!(!is_good(Version::HTTP_11, &[("host", "a"), ("host", "a")]));
        assert!(!is_good(Version::HTTP_11, &[]));
        // They have an authority instead, or had no such header yet.
        assert!(is_good(Version::HTTP_2, &[]));
        assert!(is_good(Version::HTTP_10, &[]));
    }
}
