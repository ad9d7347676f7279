//! Create, update, delete: what changes the simulated cloud.
//!
//! Each takes the latency that was asked for. A resource exists from the start of its creation on, as in a real
//! cloud: whoever dies while it waits leaves it there.

use std::time::Duration;

use chrono::Utc;

use crate::{
    cloud::{Answer, Cloud, Failure, ResourceType, id_of},
    faults::Fault,
    filling::Filling,
    journal::Operation,
    redaction,
    store::{Resource, Status, timestamp},
    template::Seed,
    value::{Fields, Value},
};

/// A failure, with the state that Terraform shall keep nevertheless.
struct Failed {
    failure: Failure,
    state: Value,
}

impl Cloud {
    /// Creates, updates or deletes, as the two states say.
    pub(crate) async fn apply(&self, of: ResourceType<'_>, prior: Value, planned: Value) -> Answer {
        let (operation, id) = match (prior.is_null(), planned.is_null()) {
            (true, _) => (Operation::Create, None),
            (false, false) => (Operation::Update, id_of(&prior)),
            (false, true) => (Operation::Delete, id_of(&prior)),
        };
        let begun = self
            .journal
            .begin(operation, of.name, id.as_deref())
            .map_err(Failure::from);
        let result = match begun {
            Err(failure) => Err(Failed {
                failure,
                state: prior.clone(),
            }),
            Ok(()) => match operation {
                Operation::Create => self.create(of, &planned).await,
                Operation::Update => self.update(of, &prior, &planned).await,
                _ => self.delete(of, &prior).await,
            },
        };
        let (state, failure) = match result {
            Ok(state) => (state, None),
            Err(Failed { failure, state }) => (state, Some(failure)),
        };
        let id = id.or_else(|| id_of(&state));
        let diagnostics = self.end(operation, of.name, id.as_deref(), failure.as_ref());
        Answer { state, diagnostics }
    }

    /// Waits the latency and the fault's delay. A slow type's wait ends early when Terraform asks to stop.
    async fn wait(
        &self,
        of: ResourceType<'_>,
        duration: Duration,
        operation: &'static str,
        id: &str,
    ) -> Result<(), Failure> {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = tokio::time::sleep(duration) => Ok(()),
            Ok(_) = stop.wait_for(|stop| *stop), if of.facts.slow && !duration.is_zero() => {
                Err(Failure::Cut { operation, type_name: of.name.to_owned(), id: id.to_owned() })
            }
        }
    }

    fn duration(&self, fault: Option<&Fault>) -> Duration {
        self.latency + fault.map_or(Duration::ZERO, Fault::delay)
    }

    fn filled(
        &self,
        of: ResourceType<'_>,
        planned: &Value,
        prior: Option<&Fields>,
    ) -> Result<Value, Failure> {
        let filling = Filling {
            type_name: of.name,
            computed: of.facts.computed,
            prior,
            region: &self.region,
            account: &self.account,
            seed: Seed::random().map_err(Failure::Random)?,
            nulls_are_open: false,
        };
        Ok(filling.fill(of.block(), planned))
    }

    fn redacted(&self, of: ResourceType<'_>, state: &Value) -> serde_json::Value {
        redaction::redact(of.block(), self.provider.secret_attributes, state).to_json()
    }

    async fn create(&self, of: ResourceType<'_>, planned: &Value) -> Result<Value, Failed> {
        let nothing = |failure: Failure| Failed {
            failure,
            state: Value::Null,
        };
        let fault = self.admit(Operation::Create, of.name).await.map_err(nothing)?;
        let state = self.filled(of, planned, None).map_err(nothing)?;
        let key = self.key(of, &state).map_err(nothing)?;
        let id = id_of(&state).unwrap_or_else(|| key.clone());
        let duration = self.duration(fault.as_ref());
        let now = Utc::now();
        let mut resource = Resource {
            provider: self.provider.name.to_owned(),
            type_name: of.name.to_owned(),
            id: id.clone(),
            region: self.region.clone(),
            status: Status::Creating,
            created_at: timestamp(now),
            updated_at: timestamp(now),
            ready_at: Some(now + duration),
            created_by: self.attempt.clone(),
            tags: tags_of(&state),
            attributes: self.redacted(of, &state),
        };
        self.put_new(of, &state, &key, &resource).map_err(nothing)?;
        if let Err(failure) = self.wait(of, duration, "create", &id).await {
            return Err(Failed { failure, state });
        }
        resource.status = Status::Active;
        resource.ready_at = None;
        resource.updated_at = timestamp(Utc::now());
        // Someone may have deleted it meanwhile, or changed it by hand: only the status is ours to change.
        let current = self.store.get(self.provider.name, of.name, &key);
        if let Some(current) = current.map_err(|error| Failed {
            failure: error.into(),
            state: state.clone(),
        })? {
            resource = Resource {
                status: Status::Active,
                ready_at: None,
                updated_at: resource.updated_at,
                ..current
            };
            if let Err(error) = self.store.put(&key, &resource) {
                return Err(Failed {
                    failure: error.into(),
                    state,
                });
            }
        }
        match lost(fault).await {
            Some(failure) => Err(nothing(failure)),
            None => Ok(state),
        }
    }

    /// Puts a new resource into the store, if its name is free.
    fn put_new(
        &self,
        of: ResourceType<'_>,
        state: &Value,
        key: &str,
        resource: &Resource,
    ) -> Result<(), Failure> {
        let provider = self.provider.name;
        let (Some(unique), Some(fields)) = (&of.facts.unique, state.fields()) else {
            return Ok(self.store.put(key, resource)?);
        };
        let Some(name) = self.render(unique.name, fields, &self.region) else {
            return Ok(self.store.put(key, resource)?);
        };
        let lock = self.store.lock_names(provider, of.name)?;
        if !self.store.take_name(&lock, provider, of.name, &name, key)? {
            let words = self.render(unique.error, fields, &self.region);
            return Err(Failure::Conflict(
                words.unwrap_or_else(|| format!("{name} is taken")),
            ));
        }
        Ok(self.store.put(key, resource)?)
    }

    async fn update(&self, of: ResourceType<'_>, prior: &Value, planned: &Value) -> Result<Value, Failed> {
        let unchanged = |failure: Failure| Failed {
            failure,
            state: prior.clone(),
        };
        let fault = self.admit(Operation::Update, of.name).await.map_err(unchanged)?;
        let state = self.filled(of, planned, prior.fields()).map_err(unchanged)?;
        let (old_key, key) = (
            self.key(of, prior).map_err(unchanged)?,
            self.key(of, &state).map_err(unchanged)?,
        );
        let id = id_of(&state).unwrap_or_else(|| key.clone());
        let stored = self
            .store
            .get(self.provider.name, of.name, &old_key)
            .map_err(Failure::from);
        let Some(mut resource) = stored.map_err(unchanged)? else {
            return Err(unchanged(Failure::Missing {
                type_name: of.name.to_owned(),
                id,
            }));
        };
        self.rename(of, prior, &state, &old_key).map_err(unchanged)?;
        resource.tags = tags_of(&state);
        resource.attributes = self.redacted(of, &state);
        resource.updated_at = timestamp(Utc::now());
        self.store
            .put(&key, &resource)
            .map_err(|error| unchanged(error.into()))?;
        if key != old_key {
            let deleted = self.store.delete(self.provider.name, of.name, &old_key);
            deleted.map_err(|error| unchanged(error.into()))?;
        }
        // The old SDK keeps the planned state when an update's wait is cut.
        if let Err(failure) = self.wait(of, self.duration(fault.as_ref()), "update", &id).await {
            return Err(Failed { failure, state });
        }
        match lost(fault).await {
            Some(failure) => Err(unchanged(failure)),
            None => Ok(state),
        }
    }

    /// Takes the new unique name and gives the old one back, where an update changes it in place.
    fn rename(&self, of: ResourceType<'_>, prior: &Value, state: &Value, key: &str) -> Result<(), Failure> {
        let Some(unique) = &of.facts.unique else {
            return Ok(());
        };
        let name = |state: &Value| {
            state
                .fields()
                .and_then(|fields| self.render(unique.name, fields, &self.region))
        };
        let (Some(old), Some(new)) = (name(prior), name(state)) else {
            return Ok(());
        };
        if old == new {
            return Ok(());
        }
        let provider = self.provider.name;
        let lock = self.store.lock_names(provider, of.name)?;
        if !self.store.take_name(&lock, provider, of.name, &new, key)? {
            let words = state
                .fields()
                .and_then(|fields| self.render(unique.error, fields, &self.region));
            return Err(Failure::Conflict(
                words.unwrap_or_else(|| format!("{new} is taken")),
            ));
        }
        Ok(self.store.release_name(&lock, provider, of.name, &old, key)?)
    }

    async fn delete(&self, of: ResourceType<'_>, prior: &Value) -> Result<Value, Failed> {
        let unchanged = |failure: Failure| Failed {
            failure,
            state: prior.clone(),
        };
        let fault = self.admit(Operation::Delete, of.name).await.map_err(unchanged)?;
        let key = self.key(of, prior).map_err(unchanged)?;
        let duration = self.duration(fault.as_ref());
        let provider = self.provider.name;
        let stored = self
            .store
            .get(provider, of.name, &key)
            .map_err(|error| unchanged(error.into()))?;
        if let Some(mut resource) = stored {
            resource.status = Status::Deleting;
            resource.updated_at = timestamp(Utc::now());
            resource.ready_at = Some(Utc::now() + duration);
            self.store
                .put(&key, &resource)
                .map_err(|error| unchanged(error.into()))?;
            self.wait(of, duration, "delete", &resource.id)
                .await
                .map_err(unchanged)?;
            self.store
                .delete(provider, of.name, &key)
                .map_err(|error| unchanged(error.into()))?;
        }
        match lost(fault).await {
            Some(failure) => Err(unchanged(failure)),
            None => Ok(Value::Null),
        }
    }
}

/// Loses the answer to what was done, where the fault asks for that.
async fn lost(fault: Option<Fault>) -> Option<Failure> {
    let fault = fault.filter(|fault| fault.after)?;
    fault.strike().await.map(Failure::Fault)
}

/// The tags, as most types hold them (`tags_all`, `tags`, `labels`), as a scaling group does (`tag` blocks), as words
/// `key:value`, and as a database of Google Cloud does (`settings`, `user_labels`).
fn tags_of(state: &Value) -> serde_json::Map<String, serde_json::Value> {
    let in_settings = state.field("settings").elements().first();
    let map = ["tags_all", "effective_labels", "tags", "labels"]
        .iter()
        .find_map(|name| state.field(name).fields())
        .or_else(|| in_settings?.field("user_labels").fields());
    let blocks = state.field("tag").elements().iter();
    let from_blocks =
        blocks.filter_map(|tag| Some((tag.field("key").text()?.to_owned(), tag.field("value").to_json())));
    let words = state.field("tags").elements().iter().filter_map(Value::text);
    let from_words = words
        .filter_map(|word| word.split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.into()));
    map.into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), value.to_json()))
        .chain(from_blocks)
        .chain(from_words)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_are_words_are_split_at_their_first_colon() {
        let words = ["site_id:one", "url:a:b", "plain"].map(Value::from);
        let state = Value::Map(Fields::from([("tags".to_owned(), Value::List(words.to_vec()))]));
        assert_eq!(
            serde_json::Value::Object(tags_of(&state)),
            serde_json::json!({"site_id": "one", "url": "a:b"})
        );
    }

    #[test]
    fn the_labels_of_a_google_database_are_in_its_settings() {
        let labels = Value::Map(Fields::from([("site_id".to_owned(), "one".into())]));
        let settings = Value::Map(Fields::from([("user_labels".to_owned(), labels)]));
        let state = Value::Map(Fields::from([(
            "settings".to_owned(),
            Value::List(vec![settings]),
        )]));
        assert_eq!(
            serde_json::Value::Object(tags_of(&state)),
            serde_json::json!({"site_id": "one"})
        );
    }
}
