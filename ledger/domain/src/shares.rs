//! How a day is shared between the channels: which steps the web, the kiosk and walk-ins may use.
//!
//! Owns the cutting of shifts into blocks and the dealing of blocks to channels. The same day is
//! always shared in the same way. Must not know what is claimed; [`crate::shape`] calls it for days
//! that are made.
//!
//! A shift is cut into blocks of one length, in which every service of its desk fits from the first
//! step on ([`block_steps`]); what is left at its end belongs to its last block. The blocks of an
//! office's day are dealt one after the other, desks of the same services together and by time
//! among them, each to the channel that has the farthest to go to its share.
//!
//! So of any blocks that follow each other in this order (the whole office, the desks of the same
//! services, their mornings) a channel has its share to within two blocks: whoever is dealt to had
//! at least a third of the block to get, so that nobody is ever ahead by more than two thirds of
//! the longest block, nor behind by more than what the two others can be ahead.

use serde::{Deserialize, Serialize};

use crate::ids::{Channel, ServiceId};
use crate::shape::ShiftShape;

/// What the shares of a day add up to.
pub const WHOLE_PERCENT: u16 = 100;

/// The channels' shares of a day, in percent; together [`WHOLE_PERCENT`]. What a file does not name
/// has no share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Shares {
    web: u8,
    kiosk: u8,
    walk_in: u8,
}

/// Shares that are no whole day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("web + kiosk + walk-in are {0} percent, they must be {WHOLE_PERCENT}")]
pub struct NotWhole(pub u16);

impl Shares {
    /// Everything for the web, where a catalogue says nothing.
    pub const WEB: Self = Self { web: 100, kiosk: 0, walk_in: 0 };

    /// The share of a channel in percent.
    pub const fn of(&self, channel: Channel) -> u8 {
        match channel {
            Channel::Web => self.web,
            Channel::Kiosk => self.kiosk,
            Channel::WalkIn => self.walk_in,
        }
    }

    /// Checks that the shares are a whole day.
    ///
    /// # Errors
    /// [`NotWhole`].
    pub fn check(self) -> Result<Self, NotWhole> {
        let sum = Channel::ALL.iter().map(|channel| u16::from(self.of(*channel))).sum();
        if sum == WHOLE_PERCENT { Ok(self) } else { Err(NotWhole(sum)) }
    }
}

/// How long the blocks of a shift are, of services with these lengths and grids in steps.
///
/// A block is as long as the longest service and ends where every grid has a start, so that each
/// service fits at its beginning; a shift that is shorter is one block.
pub(crate) fn block_steps(shift_steps: u8, services: impl Iterator<Item = (u8, u8)>) -> u8 {
    let whole = u32::from(shift_steps);
    let (mut longest, mut grids) = (1_u32, 1_u32);
    for (length, grid) in services {
        longest = longest.max(length.into());
        grids = least_common_multiple(grids, grid.into());
        if grids >= whole {
            return shift_steps;
        }
    }
    u8::try_from(longest.next_multiple_of(grids))
        .map_or(shift_steps, |block| block.min(shift_steps))
}

fn least_common_multiple(left: u32, right: u32) -> u32 {
    let (mut divisor, mut rest) = (left, right);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    left / divisor * right
}

/// Fills in who may use which steps; each shift comes with the length of its blocks.
pub(crate) fn share_out(shares: &Shares, step_minutes: u8, shifts: &mut [(ShiftShape, u8)]) {
    let mut masks = vec![[0_u64; Channel::ALL.len()]; shifts.len()];
    let mut deal = Deal::default();
    for block in blocks(step_minutes, shifts) {
        let channel = deal.next(shares, block.mask.count_ones());
        masks[block.shift][channel.index()] |= block.mask;
    }
    for ((shift, _), masks) in shifts.iter_mut().zip(masks) {
        let usable: Vec<_> = Channel::ALL
            .into_iter()
            .map(|channel| (channel, masks[channel.index()]))
            .filter(|(_, mask)| *mask != 0)
            .collect();
        for service in &mut shift.services {
            service.usable.clone_from(&usable);
        }
    }
}

/// Consecutive steps of a shift, for one channel.
struct Block {
    shift: usize,
    mask: u64,
}

/// The blocks of all shifts that offer something, in the order in which they are dealt.
fn blocks(step_minutes: u8, shifts: &[(ShiftShape, u8)]) -> Vec<Block> {
    let mut blocks: Vec<(Vec<ServiceId>, u32, Block)> = Vec::new();
    for (index, (shift, length)) in shifts.iter().enumerate() {
        if shift.services.is_empty() {
            continue;
        }
        let services: Vec<ServiceId> = shift.services.iter().map(|of| of.service).collect();
        let (steps, length) = (u32::from(shift.steps), u32::from(*length));
        let count = steps / length;
        for place in 0..count {
            let from = place * length;
            let to = if place + 1 == count { steps } else { from + length };
            let mask = first_steps(to) & !first_steps(from);
            let minute = u32::from(shift.start.get()) + from * u32::from(step_minutes);
            blocks.push((services.clone(), minute, Block { shift: index, mask }));
        }
    }
    blocks.sort_by(|left, right| {
        (&left.0, left.1, left.2.shift).cmp(&(&right.0, right.1, right.2.shift))
    });
    blocks.into_iter().map(|(_, _, block)| block).collect()
}

/// The first `steps` bits.
fn first_steps(steps: u32) -> u64 {
    1_u64.checked_shl(steps).map_or(u64::MAX, |bit| bit - 1)
}

/// What each channel still has to get, in hundredths of a step.
#[derive(Default)]
struct Deal {
    wanting: [i64; Channel::ALL.len()],
}

impl Deal {
    /// Who gets the next block; of channels that want as much, the first.
    fn next(&mut self, shares: &Shares, steps: u32) -> Channel {
        for channel in Channel::ALL {
            self.wanting[channel.index()] += i64::from(shares.of(channel)) * i64::from(steps);
        }
        let mut chosen = Channel::ALL[0];
        for channel in Channel::ALL {
            if self.wanting[channel.index()] > self.wanting[chosen.index()] {
                chosen = channel;
            }
        }
        self.wanting[chosen.index()] -= i64::from(WHOLE_PERCENT) * i64::from(steps);
        chosen
    }
}

#[cfg(test)]
#[path = "shares_tests.rs"]
mod tests;
