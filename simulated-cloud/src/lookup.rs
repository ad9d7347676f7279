//! Read, import, data sources: what only looks at the simulated cloud.

use crate::{
    cloud::{Answer, Cloud, Failure, ResourceType, id_of},
    filling::Filling,
    journal::Operation,
    policy_document, redaction,
    schema::Schema,
    template::Seed,
    value::Value,
};

impl Cloud {
    /// The resource as the store has it; null where it is gone.
    pub(crate) async fn read(&self, of: ResourceType<'_>, current: Value) -> Answer {
        let id = id_of(&current);
        let result = self.read_stored(of, &current).await;
        let diagnostics = self.end(Operation::Read, of.name, id.as_deref(), result.as_ref().err());
        Answer {
            state: result.unwrap_or(current),
            diagnostics,
        }
    }

    async fn read_stored(&self, of: ResourceType<'_>, current: &Value) -> Result<Value, Failure> {
        self.admit(Operation::Read, of.name).await?;
        // A state without the attributes of its key comes from an import that found nothing.
        let Ok(key) = self.key(of, current) else {
            return Ok(Value::Null);
        };
        let Some(resource) = self.store.get(self.provider.name, of.name, &key)? else {
            return Ok(Value::Null);
        };
        Ok(redaction::restore(
            of.block(),
            self.provider.secret_attributes,
            &resource.attributes,
            current,
        ))
    }

    /// The resource with that import id. Where there is none, a state with nothing but the id: Terraform then reads
    /// it, finds it gone, and says so in its own words.
    pub(crate) async fn import(&self, of: ResourceType<'_>, import_id: &str) -> Answer {
        let result = self.import_stored(of, import_id).await;
        let missing = matches!(&result, Err(Failure::Missing { .. }));
        let mut diagnostics = self.end(Operation::Import, of.name, Some(import_id), result.as_ref().err());
        if missing {
            diagnostics.retain(|diagnostic| diagnostic.severity != 1);
        }
        let state = result.unwrap_or_else(|_| {
            let mut state = of.block().empty();
            if let Value::Map(fields) = &mut state {
                fields.insert("id".to_owned(), Value::from(import_id));
            }
            state
        });
        Answer { state, diagnostics }
    }

    async fn import_stored(&self, of: ResourceType<'_>, import_id: &str) -> Result<Value, Failure> {
        let missing = || Failure::Missing {
            type_name: of.name.to_owned(),
            id: import_id.to_owned(),
        };
        self.journal.begin(Operation::Import, of.name, Some(import_id))?;
        self.admit(Operation::Import, of.name).await?;
        let secrets = self.provider.secret_attributes;
        for resource in self.store.all_of(self.provider.name, of.name)? {
            let state = redaction::without_secrets(of.block(), secrets, &resource.attributes);
            let Some(fields) = state.fields() else { continue };
            let fits = |template: &&str| {
                self.render(template, fields, &resource.region).as_deref() == Some(import_id)
            };
            if resource.id != import_id && !of.facts.import.iter().any(fits) {
                continue;
            }
            // Of two regions' equal names the provider's own region has the one that is meant.
            let Ok(key) = self.key(of, &state) else { continue };
            if self
                .store
                .get(self.provider.name, of.name, &key)?
                .is_some_and(|found| found.id == resource.id)
            {
                return Ok(state);
            }
        }
        Err(missing())
    }

    /// A data source's answer: the same question has the same one.
    pub(crate) async fn read_data(&self, type_name: &str, schema: &Schema, config: &Value) -> Answer {
        let result = self.answer_data(type_name, schema, config).await;
        let id = result.as_ref().ok().and_then(id_of);
        let diagnostics = self.end(
            Operation::ReadData,
            type_name,
            id.as_deref(),
            result.as_ref().err(),
        );
        Answer {
            state: result.unwrap_or(Value::Null),
            diagnostics,
        }
    }

    async fn answer_data(&self, type_name: &str, schema: &Schema, config: &Value) -> Result<Value, Failure> {
        self.admit(Operation::ReadData, type_name).await?;
        let question = config.to_json().to_string();
        let mut config = config.clone();
        if type_name == policy_document::TYPE_NAME
            && let Value::Map(fields) = &mut config
        {
            policy_document::answer(fields).map_err(Failure::Fault)?;
        }
        let filling = Filling {
            type_name,
            computed: self
                .provider
                .data_source(type_name)
                .map_or(&[], |row| row.computed),
            prior: None,
            region: &self.region,
            account: &self.account,
            seed: Seed::from_parts(&[type_name.as_bytes(), self.region.as_bytes(), question.as_bytes()]),
            nulls_are_open: true,
        };
        Ok(filling.fill(&schema.block, &config))
    }
}
