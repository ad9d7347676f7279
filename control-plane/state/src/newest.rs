//! Which of several states of one site is the newest, after a crash left them in several places.
//!
//! Nothing is dropped silently: what can't be read, what belongs to another lineage and what contradicts the
//! chosen one are handed back too, because each may be the only record of something that exists.

use crate::terraform_state::{StateParseError, TerraformState};

/// The newest state, and all that was not chosen. `T` is the caller's own word for where a state came from.
#[derive(Debug)]
pub struct Newest<T> {
    /// The newest whole state; none if no candidate could be read.
    pub chosen: Option<(T, TerraformState)>,
    /// Whole states of the same lineage that are older, or equal to the chosen one.
    pub older: Vec<(T, TerraformState)>,
    /// Whole states with the chosen one's lineage and serial and with other resources: two attempts wrote on
    /// from the same state. What they know and the chosen one doesn't is found with [`crate::diff::diff`].
    pub rivals: Vec<(T, TerraformState)>,
    /// Whole states of another lineage; their serials can't be compared.
    pub foreign: Vec<(T, TerraformState)>,
    /// What could not be read.
    pub unreadable: Vec<(T, StateParseError)>,
}

/// Chooses the newest whole state.
///
/// Candidates come in the order of trust: at equal serials the earlier one is chosen. `lineage` is that of the
/// site, if it has one yet; without it, or if no candidate has it, the first readable candidate's counts.
pub fn newest_whole<T>(
    lineage: Option<&str>,
    candidates: impl IntoIterator<Item = (T, Vec<u8>)>,
) -> Newest<T> {
    let mut newest = Newest {
        chosen: None,
        older: Vec::new(),
        rivals: Vec::new(),
        foreign: Vec::new(),
        unreadable: Vec::new(),
    };
    let mut whole = Vec::new();
    for (origin, bytes) in candidates {
        match TerraformState::parse(&bytes) {
            Ok(state) => whole.push((origin, state)),
            Err(error) => newest.unreadable.push((origin, error)),
        }
    }
    let known = lineage.filter(|lineage| whole.iter().any(|(_, state)| state.lineage == *lineage));
    let Some(lineage) = known
        .or(whole.first().map(|(_, state)| state.lineage.as_str()))
        .map(str::to_owned)
    else {
        return newest;
    };
    let (mut related, foreign): (Vec<_>, Vec<_>) =
        whole.into_iter().partition(|(_, state)| state.lineage == lineage);
    newest.foreign = foreign;
    // Stable, so that among equal serials the most trusted stays first.
    related.sort_by_key(|(_, state)| std::cmp::Reverse(state.serial));
    let mut related = related.into_iter();
    if let Some((origin, chosen)) = related.next() {
        for (origin, state) in related {
            let contradicts = state.serial == chosen.serial && !crate::diff::diff(&chosen, &state).is_empty();
            let place = if contradicts {
                &mut newest.rivals
            } else {
                &mut newest.older
            };
            place.push((origin, state));
        }
        newest.chosen = Some((origin, chosen));
    }
    newest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(lineage: &str, serial: u64, resource: &str) -> Vec<u8> {
        json!({
            "version": 4, "lineage": lineage, "serial": serial, "terraform_version": "1.11.4", "resources": [
                {"mode": "managed", "type": "t", "name": resource, "provider": "p", "instances": [{"attributes": {}}]},
            ],
        })
        .to_string()
        .into_bytes()
    }

    fn origins<T: Copy>(states: &[(T, TerraformState)]) -> Vec<T> {
        states.iter().map(|(origin, _)| *origin).collect()
    }

    #[test]
    fn the_highest_serial_of_the_sites_lineage_wins_and_the_rest_is_handed_back() {
        let mut torn = file("a", 99, "x");
        torn.truncate(torn.len() / 2);
        let newest = newest_whole(
            Some("a"),
            [
                ("foreign", file("b", 500, "x")),
                ("shipped", file("a", 9, "x")),
                ("torn", torn),
                ("local", file("a", 10, "x")),
                ("quarantined", file("a", 10, "y")),
                ("copy", file("a", 10, "x")),
            ],
        );
        assert_eq!(newest.chosen.unwrap().0, "local");
        assert_eq!(origins(&newest.older), ["copy", "shipped"]);
        assert_eq!(origins(&newest.rivals), ["quarantined"]);
        assert_eq!(origins(&newest.foreign), ["foreign"]);
        assert!(matches!(
            newest.unreadable[..],
            [("torn", StateParseError::Torn(_))]
        ));
    }

    #[test]
    fn without_a_known_lineage_the_most_trusted_candidates_one_counts() {
        let candidates = || [("first", file("b", 1, "x")), ("second", file("a", 7, "x"))];
        for lineage in [None, Some("never seen")] {
            let newest = newest_whole(lineage, candidates());
            assert_eq!(newest.chosen.unwrap().0, "first");
            assert_eq!(origins(&newest.foreign), ["second"]);
        }
    }

    #[test]
    fn where_nothing_can_be_read_nothing_is_chosen() {
        let newest = newest_whole(None, [(1, Vec::new()), (2, b"{}".to_vec())]);
        assert!(newest.chosen.is_none());
        assert_eq!(newest.unreadable.len(), 2);
    }
}
