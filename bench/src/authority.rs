//! An authority made for measuring: as many offices, desks and dates as are asked for, one service.
//!
//! Owns the text of its catalogue and policy, which the ledger's own parsers read. Must not know what is
//! measured. Called by the benches and by the program `talon-bench`.

use std::fmt::Write as _;

use talon_ledger::core::Authority;

/// The authority's code.
pub const CODE: &str = "bench";
/// The code of its only service.
pub const SERVICE: &str = "visit";

/// How large an authority is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Offices, numbered from 1.
    pub offices: u32,
    /// Desks of each office; all serve the service.
    pub desks: u32,
    /// Steps of each desk on each date, at most 64; a visit lasts one.
    pub steps: u32,
    /// Minutes of a step: 5, 10 or 15.
    pub step_minutes: u32,
    /// A date opens so many days before it.
    pub days_ahead: u32,
    /// Bookings of a person in a calendar month; none: as many as they like.
    pub a_month: Option<u32>,
}

/// The minute of the day at which every desk opens.
pub const OPENS_AT: u32 = 8 * 60;

impl Size {
    /// Places of one office on one date.
    #[must_use]
    pub fn places_a_day(&self) -> u64 {
        u64::from(self.desks) * u64::from(self.steps)
    }

    /// The catalogue, TOML.
    #[must_use]
    pub fn catalogue(&self) -> String {
        let until = OPENS_AT + self.steps * self.step_minutes;
        let hours = format!("08:00-{:02}:{:02}", until / 60, until % 60);
        let days: Vec<String> = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
            .map(|day| format!("{day} = [\"{hours}\"]"))
            .into();
        let desks: Vec<String> = (1..=self.desks)
            .map(|id| format!("{{ id = {id}, services = [\"{SERVICE}\"] }}"))
            .collect();
        let (step, name) = (self.step_minutes, "{ uk = \"Б\", en = \"B\" }");
        let mut text = format!(
            "[authority]\nid = 1\ncode = \"{CODE}\"\nzone = \"Europe/Kyiv\"\nname = {name}\n\
             [[service]]\nid = 1\ncode = \"{SERVICE}\"\nname = {name}\nminutes = {step}\n\
             grid_minutes = {step}\n[[region]]\ncode = \"UA-30\"\nname = {name}\n\
             [[profile]]\ncode = \"all\"\nstep_minutes = {step}\nhours = {{ {} }}\n\
             desks = [{}]\n",
            days.join(", "),
            desks.join(", "),
        );
        for id in 1..=self.offices {
            write!(
                text,
                "[[office]]\nid = {id}\nname = {name}\nregion = \"UA-30\"\naddress = {name}\n\
                 profile = \"all\"\n"
            )
            .expect("a string takes everything");
        }
        text
    }

    /// The policy, TOML: no proof of work.
    #[must_use]
    pub fn policy(&self) -> String {
        let limit = match self.a_month {
            None => "limit = []\n".to_owned(),
            Some(_) => String::new(),
        };
        let mut text = format!(
            "authority = \"{CODE}\"\nzone = \"Europe/Kyiv\"\n{limit}[release]\n\
             days_ahead = {}\ntime = \"06:00\"\nlate_delay_minutes = 10\n\
             [cancel]\ndeadline_minutes = 120\nreturns_after_minutes = [5, 60]\n",
            self.days_ahead
        );
        if let Some(max) = self.a_month {
            write!(
                text,
                "[[limit]]\nkind = \"per-period\"\nname = \"a-month\"\nperiod = \"month\"\n\
                 of = \"registration\"\ncount_cancelled = true\nchannel = \"web\"\n\
                 holder = \"subject\"\nmax = {max}\nmode = \"enforced\"\n"
            )
            .expect("a string takes everything");
        }
        text
    }

    /// Both, read.
    ///
    /// # Panics
    /// When the ledger refuses the files.
    #[must_use]
    pub fn authority(&self) -> Authority {
        talon_ledger::load::parse(("catalogue", &self.catalogue()), ("policy", &self.policy()))
            .expect("the files are good")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_reads_what_is_written_here() {
        for a_month in [None, Some(4)] {
            let size =
                Size { offices: 3, desks: 2, steps: 60, step_minutes: 10, days_ahead: 7, a_month };
            let authority = size.authority();
            assert_eq!(authority.catalogue.offices.len(), 3);
            let limits = authority.policy.policy().limits.len();
            assert_eq!(limits, usize::from(a_month.is_some()));
        }
    }
}
