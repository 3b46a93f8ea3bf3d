//! The peppers of this gateway, told to the ledger before anybody is served.
//!
//! A pepper that is taken away while somebody still counts under it would make one human two. Must
//! not know the secrets, only their names.

use std::time::Duration;

use talon_domain::ids::PepperId;
use talon_wire::{Answer, Command, Ledger, Refusal};

use super::Failure;

/// How long the ledger may take; it learns the names with the next start otherwise.
const DEADLINE: Duration = Duration::from_secs(10);
/// A ledger that is busy is asked again after this.
const PAUSE: Duration = Duration::from_millis(100);

/// Tells the ledger the names of the peppers, newest first.
///
/// # Errors
/// [`Failure::Setting`] when one that still counts is missing.
pub(super) async fn declare(ledger: &dyn Ledger, ids: Vec<PepperId>) -> Result<(), Failure> {
    let answer = tokio::time::timeout(DEADLINE, async {
        loop {
            match ledger.call(Command::Peppers(ids.clone())).await {
                Answer::Refused(Refusal::Busy) => tokio::time::sleep(PAUSE).await,
                answer => return answer,
            }
        }
    });
    match answer.await {
        Ok(Answer::PeppersKnown) => Ok(()),
        Ok(Answer::Refused(Refusal::PepperCounts { persons })) => Err(Failure::setting(
            "keys.directory",
            format!(
                "a pepper was taken away while {persons} persons still count under it; put its \
                 file back, as pepper.previous.key or the next free pepper.previous-N.key"
            ),
        )),
        Ok(Answer::Refused(refusal)) => {
            tracing::warn!(?refusal, "the ledger does not take the names of the peppers");
            Ok(())
        }
        Ok(_) | Err(_) => {
            tracing::warn!("the ledger does not say whether it knows the peppers");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use talon_wire::{AnswerFuture, Health};

    use super::*;

    /// A ledger that always says the same.
    struct Says(Answer);

    impl Ledger for Says {
        fn call(&self, _command: Command) -> AnswerFuture {
            Box::pin(std::future::ready(self.0.clone()))
        }

        fn health(&self) -> Health {
            Health { checks: Vec::new() }
        }
    }

    async fn declared(answer: Answer) -> Result<(), Failure> {
        declare(&Says(answer), vec![PepperId([1; 4])]).await
    }

    #[tokio::test]
    async fn a_pepper_that_still_counts_must_come_back_before_anybody_is_served() {
        let refused = declared(Answer::Refused(Refusal::PepperCounts { persons: 3 })).await;
        let failure = refused.unwrap_err();
        assert_eq!(failure.exit_code(), super::super::EXIT_CONFIG);
        let said = failure.to_string();
        assert!(
            said.starts_with("keys.directory: a pepper was taken away while 3 persons"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn nothing_else_keeps_a_gateway_from_starting() {
        for answer in [Answer::PeppersKnown, Answer::Refused(Refusal::Unavailable)] {
            assert!(declared(answer).await.is_ok());
        }
    }
}
