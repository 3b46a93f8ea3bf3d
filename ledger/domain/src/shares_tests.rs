//! What a shared day promises, whatever the office.

use proptest::prelude::*;

use super::*;
use crate::civil::Minute;
use crate::ids::DeskId;
use crate::shape::ServiceShape;

const THREE: Shares = Shares { web: 70, kiosk: 20, walk_in: 10 };

/// Services of these lengths and grids in steps.
const SERVICES: [(u8, u8); 5] = [(3, 3), (4, 4), (2, 2), (1, 1), (4, 1)];

fn shift(desk: u16, start: u16, steps: u8, services: &[usize]) -> (ShiftShape, u8) {
    let block = block_steps(steps, services.iter().map(|service| SERVICES[*service]));
    let shape = |service: &usize| {
        let (length, grid) = SERVICES[*service];
        let fits = |start: &u8| start + length <= steps;
        let starts = (0..steps).step_by(grid.into()).filter(fits).fold(0, |all, at| all | 1 << at);
        let service = ServiceId(u16::try_from(*service).unwrap());
        ServiceShape { service, steps: length, starts, usable: Vec::new() }
    };
    let services = services.iter().map(shape).collect();
    let start = Minute::new(start).unwrap();
    (ShiftShape { desk: DeskId(desk), start, steps, services }, block)
}

fn shared(shares: Shares, mut shifts: Vec<(ShiftShape, u8)>) -> Vec<(ShiftShape, u8)> {
    share_out(&shares, 10, &mut shifts);
    shifts
}

/// The steps of a channel in these shifts.
fn steps_of(channel: Channel, shifts: &[(ShiftShape, u8)]) -> i64 {
    let steps = |shift: &ShiftShape| shift.services[0].usable(channel).count_ones();
    shifts.iter().map(|(shift, _)| i64::from(steps(shift))).sum()
}

fn any_shares() -> impl Strategy<Value = Shares> {
    (0u8..=100, 0u8..=100).prop_map(|(first, second)| {
        let (low, high) = (first.min(second), first.max(second));
        Shares { web: low, kiosk: high - low, walk_in: 100 - high }
    })
}

/// Desks with a morning and an afternoon each.
fn any_day() -> impl Strategy<Value = Vec<(ShiftShape, u8)>> {
    let services = prop::sample::subsequence(vec![0, 1, 2, 3, 4], 1..=5);
    let desk = (services, 1u8..=32, 1u8..=32, 0u16..6);
    prop::collection::vec(desk, 1..12).prop_map(|desks| {
        let shifts = (1..).zip(desks).flat_map(|(desk, (services, morning, afternoon, late))| {
            let (start, lunch) = (480 + late * 10, 480 + 60 + u16::from(morning) * 10 + 60);
            [shift(desk, start, morning, &services), shift(desk, lunch, afternoon, &services)]
        });
        shifts.collect()
    })
}

fn longest_block(shifts: &[(ShiftShape, u8)]) -> i64 {
    blocks(10, shifts).iter().map(|block| i64::from(block.mask.count_ones())).max().unwrap_or(0)
}

#[test]
fn shares_alternate_over_the_day() {
    let shifts = shared(THREE, vec![shift(1, 480, 40, &[1])]);
    let service = &shifts[0].0.services[0];
    let of_block = |block: u32| {
        let of = |channel: &Channel| service.usable(*channel) >> (4 * block) & 0b1111 == 0b1111;
        Channel::ALL.into_iter().find(of).unwrap()
    };
    use Channel::{Kiosk, WalkIn, Web};
    let dealt: Vec<_> = (0..10).map(of_block).collect();
    assert_eq!(dealt, [Web, Web, Kiosk, Web, Web, WalkIn, Web, Web, Kiosk, Web]);
}

#[test]
fn a_block_is_a_whole_number_of_every_grid_and_no_shorter_than_any_service() {
    let block = |steps, services: &[(u8, u8)]| block_steps(steps, services.iter().copied());
    assert_eq!(block(24, &[(4, 4)]), 4);
    assert_eq!(block(24, &[(3, 3), (2, 2), (1, 1)]), 6);
    assert_eq!(block(24, &[(4, 1)]), 4);
    assert_eq!(block(24, &[(5, 2)]), 6);
    assert_eq!(block(4, &[(3, 3), (2, 2)]), 4, "a short shift is one block");
    assert_eq!(block(64, &[(1, 61), (1, 63), (1, 64)]), 64);
    assert_eq!(block(1, &[]), 1);
}

#[test]
fn what_is_the_webs_alone_is_in_one_mask() {
    let shifts = shared(Shares::WEB, vec![shift(1, 480, 64, &[0, 2])]);
    for service in &shifts[0].0.services {
        assert_eq!(service.usable, [(Channel::Web, u64::MAX)]);
    }
}

#[test]
fn shares_that_are_no_whole_are_refused() {
    assert_eq!(THREE.check(), Ok(THREE));
    let more = Shares { web: 255, kiosk: 255, walk_in: 255 };
    assert_eq!(more.check(), Err(NotWhole(765)));
}

proptest! {
    #[test]
    fn every_step_is_one_channels_and_the_same_ones_for_every_service(
        shares in any_shares(), day in any_day(),
    ) {
        for (shift, _) in shared(shares, day) {
            for service in &shift.services {
                prop_assert_eq!(&service.usable, &shift.services[0].usable);
                let masks = Channel::ALL.map(|channel| service.usable(channel));
                prop_assert_eq!(masks[0] | masks[1] | masks[2], first_steps(shift.steps.into()));
                let steps: u32 = masks.iter().map(|mask| mask.count_ones()).sum();
                prop_assert_eq!(steps, u32::from(shift.steps));
            }
        }
    }

    #[test]
    fn every_service_fits_at_the_start_of_every_block(shares in any_shares(), day in any_day()) {
        let shifts = shared(shares, day);
        for block in blocks(10, &shifts) {
            let (shift, length) = &shifts[block.shift];
            let first = block.mask.trailing_zeros();
            for service in &shift.services {
                let visit = first_steps(service.steps.into()) << first;
                let owner = |channel: &Channel| visit & !service.usable(*channel) == 0;
                let fits = service.starts >> first & 1 == 1
                    && visit & !block.mask == 0
                    && Channel::ALL.iter().any(owner);
                // Only a shift that is one block may be too short for a service.
                prop_assert!(fits || *length == shift.steps, "{shift:?} {block}", block = first);
            }
        }
    }

    /// Of the whole day and of the desks of the same services up to any moment: the share to
    /// within two blocks.
    #[test]
    fn a_channel_has_its_share_to_within_two_blocks(shares in any_shares(), day in any_day()) {
        let shifts = shared(shares, day);
        let bound = 200 * longest_block(&shifts);
        let all: i64 = shifts.iter().map(|(shift, _)| i64::from(shift.steps)).sum();
        for channel in Channel::ALL {
            let share = i64::from(shares.of(channel));
            prop_assert!((100 * steps_of(channel, &shifts) - share * all).abs() < bound);
            let (mut kind, mut had, mut of) = (Vec::new(), 0, 0);
            for block in blocks(10, &shifts) {
                let shift = &shifts[block.shift].0;
                let services: Vec<_> = shift.services.iter().map(|of| of.service).collect();
                if services != kind {
                    (kind, had, of) = (services, 0, 0);
                }
                of += i64::from(block.mask.count_ones());
                let mine = block.mask & shift.services[0].usable(channel);
                had += i64::from(mine.count_ones());
                prop_assert!((100 * had - share * of).abs() < bound);
            }
        }
    }

    #[test]
    fn a_share_of_nothing_gives_nothing(day in any_day(), kiosk in 0u8..=100) {
        let shares = Shares { web: 100 - kiosk, kiosk, walk_in: 0 };
        for (shift, _) in shared(shares, day) {
            prop_assert!(shift.services.iter().all(|of| of.usable(Channel::WalkIn) == 0));
        }
    }
}
