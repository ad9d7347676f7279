//! The provider's methods: each takes a message of the protocol, asks the cloud or the schemas, and answers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prost::Message;
use tokio::sync::watch;

use crate::{
    cloud::{Cloud, Environment, ResourceType},
    facts::{ProviderFacts, ResourceFacts},
    journal::Journal,
    msgpack::{self, MsgpackError},
    planning,
    protocol::*,
    schema::{ProviderSchemas, Schema},
    store::Store,
    value::{Fields, Value},
};

/// A provider that Terraform talks to.
#[derive(Debug)]
pub(crate) struct Plugin {
    provider: &'static ProviderFacts,
    schemas: ProviderSchemas,
    environment: Environment,
    cloud: Mutex<Option<Arc<Cloud>>>,
    stop: watch::Sender<bool>,
}

/// Why a call has no answer; becomes a gRPC status.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the provider has no method {0}")]
    Unimplemented(String),
    #[error("a message can't be read")]
    Message(#[from] prost::DecodeError),
    #[error("a value can't be read")]
    Value(#[from] MsgpackError),
    #[error("a state can't be read")]
    State(#[from] serde_json::Error),
}

fn read(value: Option<&DynamicValue>) -> Result<Value, CallError> {
    match value {
        Some(value) if !value.msgpack.is_empty() => Ok(msgpack::decode(&value.msgpack)?),
        Some(value) if !value.json.is_empty() => Ok(Value::from_json(&serde_json::from_slice(&value.json)?)),
        _ => Ok(Value::Null),
    }
}

fn written(value: &Value) -> Option<DynamicValue> {
    Some(DynamicValue {
        msgpack: msgpack::encode(value),
        json: Vec::new(),
    })
}

impl Plugin {
    /// A provider that is not configured yet.
    pub(crate) fn new(
        provider: &'static ProviderFacts,
        schemas: ProviderSchemas,
        environment: Environment,
    ) -> Plugin {
        Plugin {
            provider,
            schemas,
            environment,
            cloud: Mutex::new(None),
            stop: watch::channel(false).0,
        }
    }

    /// Answers one call.
    ///
    /// # Errors
    /// There is no such method, or the message is malformed.
    pub(crate) async fn call(&self, method: &str, message: &[u8]) -> Result<Vec<u8>, CallError> {
        Ok(match method {
            "GetProviderSchema" => self.schema().encode_to_vec(),
            "ValidateProviderConfig" | "ValidateResourceConfig" | "ValidateDataResourceConfig" => {
                Diagnostics::default().encode_to_vec()
            }
            "ConfigureProvider" => self.configure(Message::decode(message)?)?.encode_to_vec(),
            "UpgradeResourceState" => self.upgrade(&Message::decode(message)?)?.encode_to_vec(),
            "ReadResource" => self
                .read_resource(Message::decode(message)?)
                .await?
                .encode_to_vec(),
            "PlanResourceChange" => self.plan(Message::decode(message)?)?.encode_to_vec(),
            "ApplyResourceChange" => self.apply(Message::decode(message)?).await?.encode_to_vec(),
            "ImportResourceState" => self.import(Message::decode(message)?).await.encode_to_vec(),
            "ReadDataSource" => self.read_data(&Message::decode(message)?).await?.encode_to_vec(),
            "StopProvider" => {
                self.stop.send_replace(true);
                Vec::new()
            }
            other => return Err(CallError::Unimplemented(other.to_owned())),
        })
    }

    fn schema(&self) -> GetProviderSchemaResponse {
        let messages = |schemas: &BTreeMap<String, Schema>| {
            schemas
                .iter()
                .map(|(name, schema)| (name.clone(), schema.message.clone()))
                .collect()
        };
        GetProviderSchemaResponse {
            provider: Some(self.schemas.provider.clone()),
            resource_schemas: messages(&self.schemas.resources),
            data_source_schemas: messages(&self.schemas.data_sources),
            diagnostics: Vec::new(),
            server_capabilities: Some(ServerCapabilities {
                get_provider_schema_optional: true,
            }),
        }
    }

    /// The resource type, or how to teach it to this program.
    fn resource_type<'a>(&'a self, name: &'a str) -> Result<ResourceType<'a>, Diagnostic> {
        let schema = self
            .schemas
            .resources
            .get(name)
            .ok_or_else(|| self.unrecorded("resource type", name))?;
        Ok(ResourceType {
            name,
            schema,
            facts: self.provider.resource(name).unwrap_or(&ResourceFacts::PLAIN),
        })
    }

    fn unrecorded(&self, kind: &str, name: &str) -> Diagnostic {
        let provider = self.provider.name;
        let detail = format!(
            "Its schema was not recorded. Record it with: terraform providers schema -json > schemas.json && \
             simulated-cloud record --schemas schemas.json --types <file or modules directory that names {name}> \
             --out simulated-cloud/schemas, and give it a row in the facts of {provider}."
        );
        Diagnostic::error(format!("The simulated {provider} has no {kind} {name}"), detail)
    }

    fn configured(&self) -> Option<Arc<Cloud>> {
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn cloud(&self) -> Result<Arc<Cloud>, Diagnostic> {
        self.configured().ok_or_else(|| {
            Diagnostic::error(
                "The simulated provider is not configured",
                "Terraform configures it first.",
            )
        })
    }

    fn configure(&self, request: ConfigureProviderRequest) -> Result<Diagnostics, CallError> {
        let config = read(request.config.as_ref())?;
        let diagnostics = match self.open(&config) {
            Ok(cloud) => {
                *self.cloud.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(cloud));
                Vec::new()
            }
            Err(diagnostic) => vec![diagnostic],
        };
        Ok(Diagnostics { diagnostics })
    }

    fn open(&self, config: &Value) -> Result<Cloud, Diagnostic> {
        let environment = &self.environment;
        let directory = environment.directory.as_ref().ok_or_else(|| {
            Diagnostic::error(
                "SIMULATED_CLOUD_DIR is not set",
                "This is the simulated cloud, not the real provider: SIMULATED_CLOUD_DIR must name the directory in \
                 which its resources lie.",
            )
        })?;
        let latency: Duration = environment.latency.clone().map_err(|problem| {
            Diagnostic::error("SIMULATED_CLOUD_LATENCY_MS is no number of milliseconds", problem)
        })?;
        let store = Store::open(directory).map_err(|error| {
            Diagnostic::error(
                error.to_string(),
                "SIMULATED_CLOUD_DIR must be a writable directory.",
            )
        })?;
        let default_tags = config
            .field("default_tags")
            .elements()
            .iter()
            .find_map(|block| block.field("tags").fields());
        Ok(Cloud {
            provider: self.provider,
            journal: Journal::new(store.directory(), &environment.attempt),
            store,
            latency,
            account: environment.account.clone(),
            region: config
                .field("region")
                .text()
                .unwrap_or(&environment.region)
                .to_owned(),
            attempt: environment.attempt.clone(),
            default_tags: default_tags.cloned().unwrap_or_default(),
            stop: self.stop.subscribe(),
        })
    }

    fn upgrade(
        &self,
        request: &UpgradeResourceStateRequest,
    ) -> Result<UpgradeResourceStateResponse, CallError> {
        let json = match &request.raw_state {
            Some(raw) if !raw.json.is_empty() => serde_json::from_slice(&raw.json)?,
            _ => serde_json::Value::Null,
        };
        Ok(match self.resource_type(&request.type_name) {
            Ok(of) => UpgradeResourceStateResponse {
                upgraded_state: written(&of.schema.block.conform(&json)),
                diagnostics: Vec::new(),
            },
            Err(diagnostic) => UpgradeResourceStateResponse {
                upgraded_state: None,
                diagnostics: vec![diagnostic],
            },
        })
    }

    async fn read_resource(&self, request: ReadResourceRequest) -> Result<ReadResourceResponse, CallError> {
        let current = read(request.current_state.as_ref())?;
        let (state, diagnostics) = match (self.cloud(), self.resource_type(&request.type_name)) {
            (Ok(cloud), Ok(of)) => {
                let answer = cloud.read(of, current).await;
                (answer.state, answer.diagnostics)
            }
            (Err(diagnostic), _) | (_, Err(diagnostic)) => (current, vec![diagnostic]),
        };
        Ok(ReadResourceResponse {
            new_state: written(&state),
            diagnostics,
            private: request.private,
        })
    }

    fn plan(&self, request: PlanResourceChangeRequest) -> Result<PlanResourceChangeResponse, CallError> {
        let (prior, proposed) = (
            read(request.prior_state.as_ref())?,
            read(request.proposed_new_state.as_ref())?,
        );
        let mut response = PlanResourceChangeResponse {
            planned_private: request.prior_private,
            ..Default::default()
        };
        match self.resource_type(&request.type_name) {
            Err(diagnostic) => response.diagnostics.push(diagnostic),
            Ok(of) => {
                let default_tags = self
                    .configured()
                    .map_or_else(Fields::new, |cloud| cloud.default_tags.clone());
                let facts = self.provider.resource(of.name);
                let planned = planning::plan(&of.schema.block, facts, &proposed, &prior, &default_tags);
                let replacing = self.provider.replacing(of.name);
                response.requires_replace = planning::replacing_attributes(replacing, &planned, &prior)
                    .into_iter()
                    .map(|name| AttributePath {
                        steps: vec![PathStep {
                            attribute_name: Some(name),
                        }],
                    })
                    .collect();
                response.planned_state = written(&planned);
            }
        }
        Ok(response)
    }

    async fn apply(
        &self,
        request: ApplyResourceChangeRequest,
    ) -> Result<ApplyResourceChangeResponse, CallError> {
        let (prior, planned) = (
            read(request.prior_state.as_ref())?,
            read(request.planned_state.as_ref())?,
        );
        let (state, diagnostics) = match (self.cloud(), self.resource_type(&request.type_name)) {
            (Ok(cloud), Ok(of)) => {
                let answer = cloud.apply(of, prior, planned).await;
                (answer.state, answer.diagnostics)
            }
            (Err(diagnostic), _) | (_, Err(diagnostic)) => (prior, vec![diagnostic]),
        };
        Ok(ApplyResourceChangeResponse {
            new_state: written(&state),
            private: request.planned_private,
            diagnostics,
        })
    }

    async fn import(&self, request: ImportResourceStateRequest) -> ImportResourceStateResponse {
        match (self.cloud(), self.resource_type(&request.type_name)) {
            (Ok(cloud), Ok(of)) => {
                let answer = cloud.import(of, &request.id).await;
                let state = written(&answer.state);
                let imported = ImportedResource {
                    type_name: request.type_name.clone(),
                    state,
                };
                ImportResourceStateResponse {
                    imported_resources: vec![imported],
                    diagnostics: answer.diagnostics,
                }
            }
            (Err(diagnostic), _) | (_, Err(diagnostic)) => ImportResourceStateResponse {
                imported_resources: Vec::new(),
                diagnostics: vec![diagnostic],
            },
        }
    }

    async fn read_data(&self, request: &ReadDataSourceRequest) -> Result<ReadDataSourceResponse, CallError> {
        let config = read(request.config.as_ref())?;
        let schema = self.schemas.data_sources.get(&request.type_name);
        let schema = schema.ok_or_else(|| self.unrecorded("data source", &request.type_name));
        Ok(match (self.cloud(), schema) {
            (Ok(cloud), Ok(schema)) => {
                let answer = cloud.read_data(&request.type_name, schema, &config).await;
                ReadDataSourceResponse {
                    state: written(&answer.state),
                    diagnostics: answer.diagnostics,
                }
            }
            (Err(diagnostic), _) | (_, Err(diagnostic)) => ReadDataSourceResponse {
                state: None,
                diagnostics: vec![diagnostic],
            },
        })
    }
}
