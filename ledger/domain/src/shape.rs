//! The shape of an office's day: shifts, their steps, and who may use them.
//!
//! A shape is what the journal keeps of a generated day, so it stands alone: with the zone, the
//! step and every mask, nothing of the catalogue is needed to read a journal. Must not know which
//! steps are claimed.

use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Desk, Office, Service};
use crate::civil::{CivilDate, Minute};
use crate::ids::{Channel, DeskId, ServiceId};
use crate::{calendar, catalogue, shares};

/// Most steps of one shift: the bits of its word.
pub const MAX_STEPS_PER_SHIFT: u16 = 64;
/// Most shifts of one office on one day.
pub const MAX_SHIFTS_PER_DAY: usize = 4096;
/// Most services of one office; a day keeps one bit for each.
pub const MAX_SERVICES_PER_OFFICE: usize = 64;
/// Most offers of one office on one day: shifts, each times the services of its desk. Bounds the
/// bytes of a day's shape: at most 48 for each offer that three channels share, 8 for each shift.
pub const MAX_OFFERS_PER_DAY: usize = 16_384;

const _: () = assert!(MAX_STEPS_PER_SHIFT as u32 == u64::BITS);
// A shift's place within its day is kept as two bytes.
const _: () = assert!(MAX_SHIFTS_PER_DAY <= u16::MAX as usize);

/// What an office can offer on one date.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DayShape {
    /// IANA name of the zone in which the minutes are read.
    pub zone: String,
    /// Length of a step in minutes.
    pub step_minutes: u8,
    /// The shifts, sorted by desk and start; a shift's index here is its name.
    pub shifts: Vec<ShiftShape>,
}

/// One contiguous working interval of one desk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ShiftShape {
    /// Whose shift it is.
    pub desk: DeskId,
    /// The minute of step 0.
    pub start: Minute,
    /// How many steps, 1 to 64.
    pub steps: u8,
    /// What the desk offers in this shift, sorted by service.
    pub services: Vec<ServiceShape>,
}

/// What one service may use of one shift.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceShape {
    /// The service.
    pub service: ServiceId,
    /// How many steps one visit lasts.
    pub steps: u8,
    /// Bit set: a visit may start at this step (the grid).
    pub starts: u64,
    /// Per channel, bit set: the channel may use this step.
    pub usable: Vec<(Channel, u64)>,
}

impl DayShape {
    /// The minute at which `step` of shift `shift` starts.
    ///
    /// # Panics
    /// When the shape has no such shift.
    pub fn minute(&self, shift: u16, step: u8) -> Minute {
        let start = self.shifts[usize::from(shift)].start.get();
        Minute::new(start + u16::from(step) * u16::from(self.step_minutes))
            .expect("a shift's steps end within its day")
    }

    /// The services that any shift offers, sorted, without repetition.
    pub fn services(&self) -> Vec<ServiceId> {
        let mut services: Vec<ServiceId> =
            self.shifts.iter().flat_map(|shift| &shift.services).map(|s| s.service).collect();
        services.sort_unstable();
        services.dedup();
        services
    }
}

impl ShiftShape {
    /// What `service` may use of this shift.
    pub fn service(&self, service: ServiceId) -> Option<&ServiceShape> {
        self.services.iter().find(|shape| shape.service == service)
    }
}

impl ServiceShape {
    /// The steps that `channel` may use.
    pub fn usable(&self, channel: Channel) -> u64 {
        self.usable.iter().find(|(of, _)| *of == channel).map_or(0, |(_, steps)| *steps)
    }
}

/// A desk whose interval is longer than a word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "desk {desk}: the shift {start}-{end} has {steps} steps, a shift has at most \
     {MAX_STEPS_PER_SHIFT}; split it by a break or use longer steps"
)]
pub struct ShiftTooLong {
    /// The desk.
    pub desk: DeskId,
    /// The shift's first minute.
    pub start: Minute,
    /// The minute after its last.
    pub end: Minute,
    /// How many steps it would have.
    pub steps: u16,
}

/// Shapes the day of `office` on `date`. An office that is closed has no shifts.
///
/// Which checks a catalogue passed ([`Catalogue::try_from`]) make this infallible.
pub fn day_shape(catalogue: &Catalogue, office: &Office, date: CivilDate) -> DayShape {
    let mut shifts = Vec::new();
    for desk in &office.desks {
        let open = calendar::open_intervals(&desk.hours, &desk.breaks, &office.exceptions, date);
        for interval in open.iter() {
            for (start, steps) in
                calendar::shown_runs(&office.zone, date, interval, office.step_minutes.into())
            {
                shifts.push(shift_shape(catalogue, office, desk, start, steps));
            }
        }
    }
    shifts.sort_by_key(|(shift, _)| (shift.desk, shift.start));
    assert!(shifts.len() <= MAX_SHIFTS_PER_DAY, "catalogues bound the desks of an office");
    shares::share_out(&office.shares, office.step_minutes, &mut shifts);
    let shifts = shifts.into_iter().map(|(shift, _)| shift).collect();
    DayShape { zone: office.zone_name.clone(), step_minutes: office.step_minutes, shifts }
}

/// A shift that nobody may use yet, and the length of its blocks.
fn shift_shape(
    catalogue: &Catalogue,
    office: &Office,
    desk: &Desk,
    start: Minute,
    steps: u16,
) -> (ShiftShape, u8) {
    let steps = u8::try_from(steps).expect("catalogues bound the steps of a shift");
    let length_and_grid = |service: &Service| {
        let steps = |minutes| catalogue::steps_of(minutes, office.step_minutes);
        (steps(service.minutes), steps(service.grid_minutes))
    };
    let offered: Vec<_> = desk.services.iter().filter_map(|id| catalogue.service(*id)).collect();
    let block = shares::block_steps(steps, offered.iter().copied().map(length_and_grid));
    let services = offered
        .into_iter()
        .map(|service| {
            let (length, grid) = length_and_grid(service);
            let starts = grid_starts(steps, length, grid);
            ServiceShape { service: service.id, steps: length, starts, usable: Vec::new() }
        })
        .collect();
    (ShiftShape { desk: desk.id, start, steps, services }, block)
}

/// Every `grid`-th step from which `length` steps fit into `steps`.
fn grid_starts(steps: u8, length: u8, grid: u8) -> u64 {
    (0..steps)
        .step_by(usize::from(grid))
        .filter(|start| start + length <= steps)
        .fold(0, |starts, start| starts | 1 << start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests::small_catalogue;

    #[test]
    fn a_day_with_lunch_has_two_shifts_a_desk_on_the_grid() {
        let catalogue = small_catalogue();
        let office = &catalogue.offices[0];
        let shape = day_shape(&catalogue, office, "2026-12-01".parse().unwrap());
        let shifts: Vec<_> =
            shape.shifts.iter().map(|s| (s.desk.0, s.start.to_string(), s.steps)).collect();
        assert_eq!(
            shifts,
            [
                (1, "08:00".to_owned(), 24),
                (1, "13:00".to_owned(), 24),
                (2, "08:00".to_owned(), 24),
                (2, "13:00".to_owned(), 24),
            ]
        );
        let exam = shape.shifts[0].service(ServiceId(1)).unwrap();
        assert_eq!((exam.steps, exam.starts), (3, 0b001_001_001_001_001_001_001_001));
        assert_eq!(exam.usable(Channel::Web), (1 << 24) - 1);
        assert_eq!(exam.usable(Channel::Kiosk), 0);
        assert_eq!(shape.minute(1, 2).to_string(), "13:20");
        assert_eq!(shape.services(), [ServiceId(1), ServiceId(2)]);
    }

    #[test]
    fn a_closed_day_has_no_shifts() {
        let catalogue = small_catalogue();
        let sunday = "2026-12-06".parse().unwrap();
        assert_eq!(day_shape(&catalogue, &catalogue.offices[0], sunday).shifts, []);
    }

    #[test]
    fn grids_leave_out_starts_that_do_not_fit() {
        assert_eq!(grid_starts(8, 3, 2), 0b0001_0101);
        assert_eq!(grid_starts(64, 64, 1), 1);
    }
}
