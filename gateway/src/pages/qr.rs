//! A ticket's number as a QR code, drawn as one path of an SVG.
//!
//! It holds the booking's id and nothing else, so whoever photographs it learns nothing of the person.

use qrcode::{Color, EcLevel, QrCode};
use talon_domain::ids::BookingId;

/// Light modules around the code, without which readers do not find it.
const QUIET: usize = 4;

/// A code to draw.
pub(super) struct Qr {
    /// The width and height of the drawing, in modules.
    pub(super) size: usize,
    /// The dark modules, as the data of a path.
    pub(super) path: String,
}

impl Qr {
    /// Of a booking.
    pub(super) fn of(id: BookingId) -> Self {
        let text = content(id);
        let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M)
            .expect("a booking's id is far shorter than a code may be");
        let width = code.width();
        let mut path = String::new();
        for (index, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                let (x, y) = (index % width + QUIET, index / width + QUIET);
                path.push_str(&format!("M{x} {y}h1v1h-1z"));
            }
        }
        Self { size: width + 2 * QUIET, path }
    }
}

/// `TALON:` and the id, in letters that a code packs most densely.
fn content(id: BookingId) -> String {
    format!("TALON:{}", id.to_string().to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_holds_the_id_alone_and_is_of_the_smallest_size_for_it() {
        let id = BookingId([0xa7; 16]);
        assert_eq!(content(id), format!("TALON:{}", "A7".repeat(16)));
        let code = Qr::of(id);
        // Version 2 takes just so many such letters at this level.
        assert_eq!(code.size, 25 + 2 * QUIET);
        assert!(code.path.starts_with(&format!("M{QUIET} {QUIET}h1v1h-1z")), "the finder pattern");
    }

    #[test]
    fn codes_of_two_bookings_differ() {
        assert_ne!(Qr::of(BookingId([1; 16])).path, Qr::of(BookingId([2; 16])).path);
    }
}
