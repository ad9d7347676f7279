//! The messages of Terraform's plugin protocol 6 that a simulated provider needs.
//!
//! Field numbers are those of `docs/plugin-protocol/tfplugin6.proto` in hashicorp/terraform; what Terraform never
//! sends to a provider without functions and ephemeral resources is left out.

use std::collections::HashMap;

use prost::Message;

/// A value, as MessagePack or (state files) JSON.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct DynamicValue {
    #[prost(bytes = "vec", tag = "1")]
    pub msgpack: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub json: Vec<u8>,
}

/// An error (severity 1) or a warning (2).
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Diagnostic {
    #[prost(int32, tag = "1")]
    pub severity: i32,
    #[prost(string, tag = "2")]
    pub summary: String,
    #[prost(string, tag = "3")]
    pub detail: String,
}

impl Diagnostic {
    /// An error.
    pub(crate) fn error(summary: impl Into<String>, detail: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: 1,
            summary: summary.into(),
            detail: detail.into(),
        }
    }

    /// A warning.
    pub(crate) fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: 2,
            summary: summary.into(),
            detail: detail.into(),
        }
    }
}

/// Where an attribute is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributePath {
    #[prost(message, repeated, tag = "1")]
    pub steps: Vec<PathStep>,
}

/// One step of a path; only names are used here.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PathStep {
    #[prost(string, optional, tag = "1")]
    pub attribute_name: Option<String>,
}

/// An attribute of a schema.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SchemaAttribute {
    #[prost(string, tag = "1")]
    pub name: String,
    /// The type in cty's JSON form.
    #[prost(bytes = "vec", tag = "2")]
    pub type_json: Vec<u8>,
    #[prost(bool, tag = "4")]
    pub required: bool,
    #[prost(bool, tag = "5")]
    pub optional: bool,
    #[prost(bool, tag = "6")]
    pub computed: bool,
    #[prost(bool, tag = "7")]
    pub sensitive: bool,
    #[prost(bool, tag = "9")]
    pub deprecated: bool,
    #[prost(message, optional, tag = "10")]
    pub nested_type: Option<SchemaObject>,
    #[prost(bool, tag = "11")]
    pub write_only: bool,
}

/// The type of a nested attribute.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SchemaObject {
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<SchemaAttribute>,
    #[prost(int32, tag = "3")]
    pub nesting: i32,
}

/// A block within a block.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SchemaNestedBlock {
    #[prost(string, tag = "1")]
    pub type_name: String,
    #[prost(message, optional, tag = "2")]
    pub block: Option<SchemaBlock>,
    #[prost(int32, tag = "3")]
    pub nesting: i32,
    #[prost(int64, tag = "4")]
    pub min_items: i64,
    #[prost(int64, tag = "5")]
    pub max_items: i64,
}

/// Attributes and nested blocks.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SchemaBlock {
    #[prost(int64, tag = "1")]
    pub version: i64,
    #[prost(message, repeated, tag = "2")]
    pub attributes: Vec<SchemaAttribute>,
    #[prost(message, repeated, tag = "3")]
    pub block_types: Vec<SchemaNestedBlock>,
    #[prost(bool, tag = "6")]
    pub deprecated: bool,
}

/// The schema of a provider, resource type or data source.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Schema {
    #[prost(int64, tag = "1")]
    pub version: i64,
    #[prost(message, optional, tag = "2")]
    pub block: Option<SchemaBlock>,
}

/// What the provider can do beyond the oldest protocol.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ServerCapabilities {
    #[prost(bool, tag = "2")]
    pub get_provider_schema_optional: bool,
}

/// Every schema.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GetProviderSchemaResponse {
    #[prost(message, optional, tag = "1")]
    pub provider: Option<Schema>,
    #[prost(map = "string, message", tag = "2")]
    pub resource_schemas: HashMap<String, Schema>,
    #[prost(map = "string, message", tag = "3")]
    pub data_source_schemas: HashMap<String, Schema>,
    #[prost(message, repeated, tag = "4")]
    pub diagnostics: Vec<Diagnostic>,
    #[prost(message, optional, tag = "6")]
    pub server_capabilities: Option<ServerCapabilities>,
}

/// The answer to every kind of validation and to the configuration of the provider.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Diagnostics {
    #[prost(message, repeated, tag = "1")]
    pub diagnostics: Vec<Diagnostic>,
}

/// The provider block's values.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ConfigureProviderRequest {
    #[prost(message, optional, tag = "2")]
    pub config: Option<DynamicValue>,
}

/// State as the state file has it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RawState {
    #[prost(bytes = "vec", tag = "1")]
    pub json: Vec<u8>,
}

/// Asks for a state file's resource as the schema of today has it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UpgradeResourceStateRequest {
    #[prost(string, tag = "1")]
    pub type_name: String,
    #[prost(message, optional, tag = "3")]
    pub raw_state: Option<RawState>,
}

/// See [`UpgradeResourceStateRequest`].
#[derive(Clone, PartialEq, Message)]
pub(crate) struct UpgradeResourceStateResponse {
    #[prost(message, optional, tag = "1")]
    pub upgraded_state: Option<DynamicValue>,
    #[prost(message, repeated, tag = "2")]
    pub diagnostics: Vec<Diagnostic>,
}

/// Asks for a resource as the cloud has it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadResourceRequest {
    #[prost(string, tag = "1")]
    pub type_name: String,
    #[prost(message, optional, tag = "2")]
    pub current_state: Option<DynamicValue>,
    #[prost(bytes = "vec", tag = "3")]
    pub private: Vec<u8>,
}

/// See [`ReadResourceRequest`].
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadResourceResponse {
    #[prost(message, optional, tag = "1")]
    pub new_state: Option<DynamicValue>,
    #[prost(message, repeated, tag = "2")]
    pub diagnostics: Vec<Diagnostic>,
    #[prost(bytes = "vec", tag = "3")]
    pub private: Vec<u8>,
}

/// Asks what an apply would make of a resource.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PlanResourceChangeRequest {
    #[prost(string, tag = "1")]
    pub type_name: String,
    #[prost(message, optional, tag = "2")]
    pub prior_state: Option<DynamicValue>,
    #[prost(message, optional, tag = "3")]
    pub proposed_new_state: Option<DynamicValue>,
    #[prost(message, optional, tag = "4")]
    pub config: Option<DynamicValue>,
    #[prost(bytes = "vec", tag = "5")]
    pub prior_private: Vec<u8>,
}

/// See [`PlanResourceChangeRequest`].
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PlanResourceChangeResponse {
    #[prost(message, optional, tag = "1")]
    pub planned_state: Option<DynamicValue>,
    #[prost(message, repeated, tag = "2")]
    pub requires_replace: Vec<AttributePath>,
    #[prost(bytes = "vec", tag = "3")]
    pub planned_private: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    pub diagnostics: Vec<Diagnostic>,
}

/// Asks to create, update (both states) or delete (no planned state) a resource.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ApplyResourceChangeRequest {
    #[prost(string, tag = "1")]
    pub type_name: String,
    #[prost(message, optional, tag = "2")]
    pub prior_state: Option<DynamicValue>,
    #[prost(message, optional, tag = "3")]
    pub planned_state: Option<DynamicValue>,
    #[prost(bytes = "vec", tag = "5")]
    pub planned_private: Vec<u8>,
}

/// See [`ApplyResourceChangeRequest`].
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ApplyResourceChangeResponse {
    #[prost(message, optional, tag = "1")]
    pub new_state: Option<DynamicValue>,
    #[prost(bytes = "vec", tag = "2")]
    pub private: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    pub diagnostics: Vec<Diagnostic>,
}

/// Asks for the resource with an import id.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ImportResourceStateRequest {
    #[prost(string, tag = "1")]
    pub type_name: String,
    #[prost(string, tag = "2")]
    pub id: String,
}

/// A resource that was found.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ImportedResource {
    #[prost(string, tag = "1")]
    pub type_name: String,
    #[prost(message, optional, tag = "2")]
    pub state: Option<DynamicValue>,
}

/// See [`ImportResourceStateRequest`].
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ImportResourceStateResponse {
    #[prost(message, repeated, tag = "1")]
    pub imported_resources: Vec<ImportedResource>,
    #[prost(message, repeated, tag = "2")]
    pub diagnostics: Vec<Diagnostic>,
}

/// Asks a data source.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadDataSourceRequest {
    #[prost(string, tag = "1")]
    pub type_name: String,
    #[prost(message, optional, tag = "2")]
    pub config: Option<DynamicValue>,
}

/// See [`ReadDataSourceRequest`].
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ReadDataSourceResponse {
    #[prost(message, optional, tag = "1")]
    pub state: Option<DynamicValue>,
    #[prost(message, repeated, tag = "2")]
    pub diagnostics: Vec<Diagnostic>,
}

/// gRPC's health answer; 1 = serving.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    pub status: i32,
}
