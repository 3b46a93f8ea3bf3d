//! An office's date in memory: its shape, made quick to search, and its words.
//!
//! Shapes repeat by weekday, so days share them. Must not know people; a word says what is
//! unclaimed, and nothing here says who claimed it.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::tz::TimeZone;
use parking_lot::Mutex;
use talon_board::{ShiftWord, Steps, Taken, count_free, free_starts};
use talon_domain::civil::{CivilDate, MINUTES_PER_DAY, Minute, UtcMicros, clocks_change, resolve};
use talon_domain::ids::{Channel, ServiceId};
use talon_domain::shape::{DayShape, ServiceShape, ShiftShape};
use talon_domain::zones::Zones;

use crate::desk_choice::{Stakes, claim_least};

/// Most services that one office offers on one date: the bits of the word of releases.
pub const MAX_SERVICES_PER_DAY: usize = 64;

const _: () = assert!(talon_domain::shape::MAX_SERVICES_PER_OFFICE <= MAX_SERVICES_PER_DAY);

/// A place where a visit could start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The shift's place in the shape.
    pub shift: u16,
    /// The first step.
    pub step: u8,
}

/// A shape with its zone looked up and its starts sorted by service and time.
#[derive(Debug)]
pub struct CompiledShape {
    shape: DayShape,
    zone: TimeZone,
    /// Its name, for every booking that is shown.
    zone_name: Arc<str>,
    services: Vec<ServiceId>,
    /// By service (its place in `services`): each start with its candidates, by shift.
    starts: Vec<BTreeMap<Minute, Vec<Candidate>>>,
    /// By channel, bit i: a visit for the i-th service fits into what the channel may use.
    offers: [u64; Channel::ALL.len()],
    stakes: Stakes,
}

/// Why a shape cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadShape {
    /// A zone the time zone database lacks.
    #[error("no IANA zone `{0}`")]
    Zone(String),
    /// A shift with no steps, or more than a word has bits.
    #[error("shift {shift} has {steps} steps")]
    Steps {
        /// The shift's place.
        shift: usize,
        /// Its steps.
        steps: u8,
    },
    /// Steps past midnight, or a mask with steps that the shift has not.
    #[error("shift {shift} reaches past its end")]
    Beyond {
        /// The shift's place.
        shift: usize,
    },
    /// More services than the word of releases has bits.
    #[error("{0} services on one day, at most {MAX_SERVICES_PER_DAY}")]
    Services(usize),
}

impl CompiledShape {
    fn new(shape: DayShape, zones: &Zones) -> Result<Self, BadShape> {
        let zone = zones.get(&shape.zone).ok_or_else(|| BadShape::Zone(shape.zone.clone()))?;
        let services = shape.services();
        if services.len() > MAX_SERVICES_PER_DAY {
            return Err(BadShape::Services(services.len()));
        }
        let mut starts = vec![BTreeMap::<Minute, Vec<Candidate>>::new(); services.len()];
        let mut offers = [0; Channel::ALL.len()];
        for (index, shift) in shape.shifts.iter().enumerate() {
            let Some(all) = Steps::run(0, shift.steps) else {
                return Err(BadShape::Steps { shift: index, steps: shift.steps });
            };
            if reaches_beyond(shift, all, shape.step_minutes) {
                return Err(BadShape::Beyond { shift: index });
            }
            let place = u16::try_from(index).map_err(|_| BadShape::Services(index))?;
            for of_service in &shift.services {
                let Ok(at) = services.binary_search(&of_service.service) else { continue };
                for channel in Channel::ALL {
                    offers[channel.index()] |= u64::from(has_room(of_service, channel, all)) << at;
                }
                for step in Steps::from_bits(of_service.starts).iter() {
                    let candidate = Candidate { shift: place, step };
                    starts[at].entry(shape.minute(place, step)).or_default().push(candidate);
                }
            }
        }
        let stakes = Stakes::new(&shape);
        let zone_name = shape.zone.as_str().into();
        Ok(Self { shape, zone, zone_name, services, starts, offers, stakes })
    }

    /// The journalled shape.
    pub fn shape(&self) -> &DayShape {
        &self.shape
    }

    /// The office's zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The zone's name.
    pub fn zone_name(&self) -> &Arc<str> {
        &self.zone_name
    }

    /// What claims cost, by shift.
    pub fn stakes(&self) -> &Stakes {
        &self.stakes
    }

    /// The services on offer, sorted.
    pub fn services(&self) -> &[ServiceId] {
        &self.services
    }

    /// The minutes at which visits for `service` may start, with where.
    pub fn starts(&self, service: ServiceId) -> Option<&BTreeMap<Minute, Vec<Candidate>>> {
        self.services.binary_search(&service).ok().map(|at| &self.starts[at])
    }

    /// Whether the channel may use enough of some shift for a visit.
    pub fn offers(&self, service: ServiceId, channel: Channel) -> bool {
        let at = self.services.binary_search(&service);
        at.is_ok_and(|at| self.offers[channel.index()] & (1 << at) != 0)
    }

    /// What `service` may use of shift `shift`.
    pub fn service_shape(&self, shift: u16, service: ServiceId) -> Option<&ServiceShape> {
        self.shape.shifts.get(usize::from(shift))?.service(service)
    }
}

/// Whether a visit fits into what a channel may use of a shift.
fn has_room(service: &ServiceShape, channel: Channel, all: Steps) -> bool {
    let (starts, usable) = (Steps::from_bits(service.starts), usable(service, channel));
    !free_starts(all, starts, usable, service.steps).is_empty()
}

/// The steps of a shift that a channel may use for a service.
fn usable(service: &ServiceShape, channel: Channel) -> Steps {
    Steps::from_bits(service.usable(channel))
}

/// Whether a shift ends after its day, or a mask says more than the shift has.
fn reaches_beyond(shift: &ShiftShape, all: Steps, step_minutes: u8) -> bool {
    let minutes = u32::from(shift.steps) * u32::from(step_minutes);
    let is_beyond = |mask: u64| !Steps::from_bits(mask).is_subset(all);
    u32::from(shift.start.get()) + minutes > u32::from(MINUTES_PER_DAY)
        || shift.services.iter().any(|service| {
            is_beyond(service.starts) || service.usable.iter().any(|(_, mask)| is_beyond(*mask))
        })
}

/// Steps of a day by what has become of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Released, and nobody has them.
    pub free: u64,
    /// Claimed or withheld.
    pub taken: u64,
    /// Not released yet.
    pub unreleased: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.free += other.free;
        self.taken += other.taken;
        self.unreleased += other.unreleased;
    }
}

/// Shapes in use, each once.
#[derive(Debug, Default)]
pub struct Shapes(Mutex<HashMap<DayShape, Arc<CompiledShape>>>);

impl Shapes {
    /// The shared form of `shape`, its zone looked up when it is new here.
    ///
    /// # Errors
    /// [`BadShape`].
    pub fn share(&self, shape: DayShape, zones: &Zones) -> Result<Arc<CompiledShape>, BadShape> {
        let mut shapes = self.0.lock();
        if let Some(shared) = shapes.get(&shape) {
            return Ok(Arc::clone(shared));
        }
        let shared = Arc::new(CompiledShape::new(shape.clone(), zones)?);
        shapes.insert(shape, Arc::clone(&shared));
        Ok(shared)
    }

    /// Drops the shapes that no day uses any more.
    pub fn tidy(&self) {
        self.0.lock().retain(|_, shape| Arc::strong_count(shape) > 1);
    }
}

/// One office's date.
#[derive(Debug)]
pub struct Day {
    shape: Arc<CompiledShape>,
    date: CivilDate,
    /// When the date begins, if its clocks do not change: then its minutes follow from there.
    midnight: Option<UtcMicros>,
    words: Box<[ShiftWord]>,
    /// By channel, bit i: it may book the i-th service of the shape.
    released: [AtomicU64; Channel::ALL.len()],
}

impl Day {
    /// A date with this shape, unclaimed and not released.
    pub fn new(shape: Arc<CompiledShape>, date: CivilDate) -> Self {
        let words = shape.shape.shifts.iter().map(|shift| ShiftWord::new(shift.steps)).collect();
        Self::with(shape, date, words, [0; Channel::ALL.len()])
    }

    fn with(
        shape: Arc<CompiledShape>,
        date: CivilDate,
        words: Box<[ShiftWord]>,
        released: [u64; Channel::ALL.len()],
    ) -> Self {
        let midnight = Minute::new(0).filter(|_| !clocks_change(&shape.zone, date));
        let midnight = midnight.map(|midnight| resolve(&shape.zone, date, midnight));
        Self { shape, date, midnight, words, released: released.map(AtomicU64::new) }
    }

    /// All that the day holds, for a snapshot: shape, unclaimed steps of each shift, releases.
    pub fn parts(&self) -> (&DayShape, Vec<u64>, [u64; Channel::ALL.len()]) {
        let Self { shape, words, date: _, midnight: _, released: _ } = self;
        let unclaimed = words.iter().map(|word| word.unclaimed().bits()).collect();
        (&shape.shape, unclaimed, self.released_bits())
    }

    /// The day that these parts were of; nothing when they do not fit each other.
    pub fn from_parts(
        shape: Arc<CompiledShape>,
        date: CivilDate,
        unclaimed: &[u64],
        released: [u64; Channel::ALL.len()],
    ) -> Option<Self> {
        let shifts = &shape.shape.shifts;
        let words = shifts.iter().zip(unclaimed).map(|(shift, bits)| {
            let unclaimed = Steps::from_bits(*bits);
            let fits = Steps::run(0, shift.steps).is_some_and(|all| unclaimed.is_subset(all));
            fits.then(|| ShiftWord::from_unclaimed(unclaimed))
        });
        let words = words.collect::<Option<Box<[ShiftWord]>>>()?;
        let is_whole = words.len() == shifts.len() && unclaimed.len() == shifts.len();
        is_whole.then(|| Self::with(shape, date, words, released))
    }

    /// Its shape.
    pub fn shape(&self) -> &CompiledShape {
        &self.shape
    }

    /// The word of a shift.
    pub fn word(&self, shift: u16) -> Option<&ShiftWord> {
        self.words.get(usize::from(shift))
    }

    /// The words of all shifts, in the order of the shape.
    pub fn words(&self) -> &[ShiftWord] {
        &self.words
    }

    /// By channel: bit i is set when the i-th service of the shape is released.
    pub fn released_bits(&self) -> [u64; Channel::ALL.len()] {
        // Relaxed: a release is one fact of its own; nothing else is read by its light.
        Channel::ALL.map(|channel| self.released[channel.index()].load(Ordering::Relaxed))
    }

    /// Whether `channel` may book `service`.
    pub fn is_released(&self, service: ServiceId, channel: Channel) -> bool {
        // Relaxed: as above.
        let bits = self.released[channel.index()].load(Ordering::Relaxed);
        self.shape.services.binary_search(&service).is_ok_and(|at| bits & (1 << at) != 0)
    }

    /// Lets `channel` book `service`; says whether the day has it.
    pub fn release(&self, service: ServiceId, channel: Channel) -> bool {
        match self.shape.services.binary_search(&service) {
            Ok(at) => {
                // Relaxed: as above.
                self.released[channel.index()].fetch_or(1 << at, Ordering::Relaxed);
                true
            }
            Err(_) => false,
        }
    }

    /// When visits that start at `minute` start, in UTC.
    pub fn starts_at(&self, minute: Minute) -> UtcMicros {
        match self.midnight {
            Some(midnight) => midnight.plus_minutes(minute.get().into()),
            None => resolve(&self.shape.zone, self.date, minute),
        }
    }

    /// How many visits for `service` that start after `now` still fit into the channel's share.
    pub fn count_free(&self, service: ServiceId, channel: Channel, now: UtcMicros) -> u32 {
        let mut count = 0;
        for (shift, word) in self.shape.shape.shifts.iter().zip(&self.words) {
            let Some(of_service) = shift.service(service) else { continue };
            let to_come = self.starts_to_come(shift.start, of_service.starts, now);
            let usable = usable(of_service, channel);
            count += u32::from(count_free(word.unclaimed(), to_come, usable, of_service.steps));
        }
        count
    }

    /// What becomes of the steps that a channel may use for anything.
    pub fn tally(&self, channel: Channel) -> Tally {
        let mut tally = Tally::default();
        for (shift, word) in self.shape.shape.shifts.iter().zip(&self.words) {
            let (mut released, mut all) = (0, 0);
            for service in &shift.services {
                let usable = service.usable(channel);
                all |= usable;
                if self.is_released(service.service, channel) {
                    released |= usable;
                }
            }
            let unclaimed = word.unclaimed().bits();
            tally.free += u64::from((released & unclaimed).count_ones());
            tally.taken += u64::from((all & !unclaimed).count_ones());
            tally.unreleased += u64::from((all & !released & unclaimed).count_ones());
        }
        tally
    }

    /// The starts for `service` after `now` with how many desks have each for the channel.
    pub fn free_starts(
        &self,
        service: ServiceId,
        channel: Channel,
        now: UtcMicros,
    ) -> BTreeMap<Minute, u16> {
        let mut free = BTreeMap::new();
        for (index, (shift, word)) in self.shape.shape.shifts.iter().zip(&self.words).enumerate() {
            let Some(of_service) = shift.service(service) else { continue };
            let to_come = self.starts_to_come(shift.start, of_service.starts, now);
            let usable = usable(of_service, channel);
            let starts = free_starts(word.unclaimed(), to_come, usable, of_service.steps);
            let place = u16::try_from(index).expect("shapes bound the shifts of a day");
            for step in starts.iter() {
                *free.entry(self.shape.shape.minute(place, step)).or_insert(0) += 1;
            }
        }
        free
    }

    /// Claims a visit for `service` at `minute`, at the desk where it does the least damage
    /// ([`crate::desk_choice`]). Desks that are equal are taken from a place that `spread` chooses.
    ///
    /// `append` runs with the bits taken.
    ///
    /// # Errors
    /// [`Taken`] when no desk has it; nothing is claimed then.
    pub fn claim<R>(
        &self,
        service: ServiceId,
        channel: Channel,
        minute: Minute,
        spread: usize,
        append: impl FnOnce(Candidate, u8) -> R,
    ) -> Result<R, Taken> {
        let starts = self.shape.starts(service).and_then(|starts| starts.get(&minute));
        let candidates = starts.map_or(&[][..], Vec::as_slice);
        let mut append = Some(append);
        claim_least(
            candidates,
            spread,
            |candidate| {
                let (word, run) = self.usable_run(service, channel, candidate)?;
                self.shape.stakes.damage(candidate.shift, word.unclaimed(), run)
            },
            |candidate| {
                let (word, run) = self
                    .usable_run(service, channel, candidate)
                    .ok_or(Taken { steps: Steps::EMPTY })?;
                word.claim_recorded(run, || {
                    let append = append.take().expect("one claim succeeds");
                    append(candidate, run.len())
                })
            },
        )
    }

    /// The steps of a visit, when the channel may use all of them.
    fn usable_run(
        &self,
        service: ServiceId,
        channel: Channel,
        at: Candidate,
    ) -> Option<(&ShiftWord, Steps)> {
        let of_service = self.shape.service_shape(at.shift, service)?;
        let run = Steps::run(at.step, of_service.steps)?;
        run.is_subset(usable(of_service, channel)).then_some((self.word(at.shift)?, run))
    }

    /// Of `starts`, counted from `shift_start`, those after `now`.
    fn starts_to_come(&self, shift_start: Minute, starts: u64, now: UtcMicros) -> Steps {
        let starts = Steps::from_bits(starts);
        if self.starts_at(shift_start) > now {
            return starts;
        }
        let step_minutes = u16::from(self.shape.shape.step_minutes);
        let to_come = starts.iter().filter(|step| {
            let minute = shift_start.get() + u16::from(*step) * step_minutes;
            Minute::new(minute).is_some_and(|minute| self.starts_at(minute) > now)
        });
        Steps::from_bits(to_come.fold(0, |bits, step| bits | 1 << step))
    }
}
