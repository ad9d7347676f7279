//! What a Terraform state file (format version 4) says.
//!
//! Pure reading. A file that Terraform is just writing can be read torn; [`StateParseError::Torn`] then says
//! "read it again". Attributes and outputs hold secrets, so `Debug` shows neither.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;

const FORMAT_VERSION: u64 = 4;

/// A whole state file.
#[derive(Clone)]
pub struct TerraformState {
    /// The id that the first state of this line got; serials compare only within one lineage.
    pub lineage: String,
    /// Rises with each save, and may skip.
    pub serial: u64,
    /// The Terraform that wrote it, such as `1.11.4`.
    pub terraform_version: String,
    /// Every object of every resource and data source, in the order of the file.
    pub resources: Vec<Resource>,
    /// The root module's outputs, by name.
    pub outputs: Vec<Output>,
    pub(crate) document: Value,
}

/// One object that Terraform manages or has read.
#[derive(Clone, PartialEq)]
pub struct Resource {
    /// Exactly as Terraform prints it: `module.site.module.networking.aws_subnet.public[0]`.
    pub address: String,
    /// Set on an object that was replaced and is still to be destroyed; it shares the address of its successor.
    pub deposed: Option<String>,
    /// Whether it is managed, or only read.
    pub mode: ResourceMode,
    /// Such as `aws_subnet`.
    pub resource_type: String,
    /// The name in the configuration, such as `public`.
    pub name: String,
    /// The provider's source address, such as `registry.terraform.io/hashicorp/aws`.
    pub provider: String,
    /// The attribute `id`, if there is one that is text.
    pub id: Option<String>,
    /// Whether the next plan would replace it because its creation did not end well.
    pub tainted: bool,
    /// All attributes. They may hold secrets.
    pub attributes: Value,
    /// Where in the attributes a secret stands, as far as Terraform knows.
    pub sensitive: Vec<AttributePath>,
}

/// Whether Terraform manages an object or only reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceMode {
    /// A `resource` block.
    Managed,
    /// A `data` block.
    Data,
}

/// One output of the root module.
#[derive(Clone, PartialEq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its value; a secret if it is sensitive.
    pub value: Value,
    /// Its type as Terraform writes it: `"string"`, `["object", {…}]`.
    pub value_type: Value,
    /// Whether the configuration calls it sensitive.
    pub sensitive: bool,
}

/// The way from a resource's attributes to one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath(pub Vec<PathStep>);

/// One step of an [`AttributePath`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// Into an object's attribute or a map's key.
    Name(String),
    /// Into an element of a list.
    Index(usize),
}

impl TerraformState {
    /// Reads a state file. Only one whole JSON document counts: what is cut off, empty or mixed is torn.
    ///
    /// # Errors
    /// [`StateParseError`]; of these only a torn file is worth a second look.
    pub fn parse(bytes: &[u8]) -> Result<Self, StateParseError> {
        let document: Value = serde_json::from_slice(bytes).map_err(StateParseError::Torn)?;
        let version = document.get("version").and_then(Value::as_u64);
        match version {
            Some(FORMAT_VERSION) => {}
            Some(version) => return Err(StateParseError::UnsupportedVersion { version }),
            None => return Err(StateParseError::NotAState { missing: "version" }),
        }
        let file = StateFile::deserialize(&document)
            // The source is left out: serde's messages quote values, and these can be secrets.
            .map_err(|_| StateParseError::NotAState {
                missing: first_misfit(&document),
            })?;
        let resources = file
            .resources
            .into_iter()
            .flat_map(ResourceBlock::objects)
            .collect();
        let outputs = file
            .outputs
            .into_iter()
            .map(|(name, output)| Output {
                name,
                value: output.value,
                value_type: output.value_type,
                sensitive: output.sensitive,
            })
            .collect();
        Ok(Self {
            lineage: file.lineage,
            serial: file.serial,
            terraform_version: file.terraform_version,
            resources,
            outputs,
            document,
        })
    }

    /// The objects that exist because of this state: everything but data sources.
    pub fn managed(&self) -> impl Iterator<Item = &Resource> {
        self.resources
            .iter()
            .filter(|resource| resource.mode == ResourceMode::Managed)
    }

    /// The output of this name.
    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

impl std::fmt::Debug for TerraformState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TerraformState")
            .field("lineage", &self.lineage)
            .field("serial", &self.serial)
            .field("terraform_version", &self.terraform_version)
            .field("resources", &self.resources)
            .field("outputs", &self.outputs)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resource")
            .field("address", &self.address)
            .field("deposed", &self.deposed)
            .field("tainted", &self.tainted)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("name", &self.name)
            .field("sensitive", &self.sensitive)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct StateFile {
    lineage: String,
    serial: u64,
    terraform_version: String,
    #[serde(default)]
    outputs: std::collections::BTreeMap<String, OutputEntry>,
    #[serde(default)]
    resources: Vec<ResourceBlock>,
}

#[derive(Deserialize)]
struct OutputEntry {
    value: Value,
    #[serde(rename = "type")]
    value_type: Value,
    #[serde(default)]
    sensitive: bool,
}

/// One `resource` or `data` block with all its instances.
#[derive(Deserialize)]
struct ResourceBlock {
    #[serde(default)]
    module: Option<String>,
    mode: ResourceMode,
    #[serde(rename = "type")]
    resource_type: String,
    name: String,
    provider: String,
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    #[serde(default)]
    index_key: Option<IndexKey>,
    #[serde(default)]
    deposed: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    attributes: Value,
    #[serde(default)]
    sensitive_attributes: Vec<Vec<RawStep>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum IndexKey {
    Number(i64),
    Text(String),
}

#[derive(Deserialize)]
struct RawStep {
    #[serde(rename = "type")]
    kind: String,
    value: Value,
}

impl ResourceBlock {
    fn objects(self) -> impl Iterator<Item = Resource> {
        let Self {
            module,
            mode,
            resource_type,
            name,
            provider,
            instances,
        } = self;
        let mut block_address = module.map(|module| module + ".").unwrap_or_default();
        if mode == ResourceMode::Data {
            block_address.push_str("data.");
        }
        block_address = block_address + &resource_type + "." + &name;
        let provider = source_address(&provider).to_owned();
        instances.into_iter().map(move |instance| Resource {
            address: match &instance.index_key {
                None => block_address.clone(),
                Some(IndexKey::Number(number)) => format!("{block_address}[{number}]"),
                Some(IndexKey::Text(text)) => format!("{block_address}[{}]", quoted(text)),
            },
            deposed: instance.deposed,
            mode,
            resource_type: resource_type.clone(),
            name: name.clone(),
            provider: provider.clone(),
            id: instance
                .attributes
                .get("id")
                .and_then(Value::as_str)
                .map(str::to_owned),
            tainted: instance.status.as_deref() == Some("tainted"),
            attributes: instance.attributes,
            sensitive: instance
                .sensitive_attributes
                .into_iter()
                .map(attribute_path)
                .collect(),
        })
    }
}

/// `module.x.provider["registry.terraform.io/hashicorp/aws"].alias` → the part in quotes.
fn source_address(provider: &str) -> &str {
    provider.split('"').nth(1).unwrap_or(provider)
}

/// A path up to the first step that JSON can't follow, such as into a set: all below it counts as sensitive then.
fn attribute_path(steps: Vec<RawStep>) -> AttributePath {
    AttributePath(steps.into_iter().map_while(path_step).collect())
}

fn path_step(step: RawStep) -> Option<PathStep> {
    match (step.kind.as_str(), step.value) {
        ("get_attr", Value::String(name)) => Some(PathStep::Name(name)),
        ("index", Value::Object(index)) => match index.get("value")? {
            Value::String(key) => Some(PathStep::Name(key.clone())),
            Value::Number(number) => Some(PathStep::Index(usize::try_from(number.as_u64()?).ok()?)),
            _ => None,
        },
        _ => None,
    }
}

/// A `for_each` key as Terraform prints it: quoted as in HCL, with template marks doubled.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '$' | '%' if characters.peek() == Some(&'{') => quoted.extend([character, character]),
            _ if is_printable(character) => quoted.push(character),
            _ => {
                let code = u32::from(character);
                let written = match code {
                    ..0x1_0000 => write!(quoted, "\\u{code:04x}"),
                    _ => write!(quoted, "\\U{code:08x}"),
                };
                written.expect("writing to a String can't fail");
            }
        }
    }
    quoted.push('"');
    quoted
}

/// As Go's `unicode.IsPrint`, which Terraform asks. The letter before the character is there because a combining
/// mark counts as unprintable only where it stands first.
fn is_printable(character: char) -> bool {
    !character.is_control()
        && !format!("a{character}")
            .escape_debug()
            .to_string()
            .contains("\\u{")
}

/// The first field that isn't as expected, for the error message: names only, never values.
fn first_misfit(document: &Value) -> &'static str {
    let is_text = |field: &str| document.get(field).is_some_and(Value::is_string);
    match () {
        () if !is_text("lineage") => "lineage",
        () if !document.get("serial").is_some_and(Value::is_u64) => "serial",
        () if !is_text("terraform_version") => "terraform_version",
        () => "resources or outputs",
    }
}

/// Why bytes could not be read as a state. No variant quotes the state.
#[derive(Debug, thiserror::Error)]
pub enum StateParseError {
    /// Not one whole JSON document: a write was under way, or was cut off. Reading again may help.
    #[error("the state file is not whole")]
    Torn(#[source] serde_json::Error),
    /// JSON, but not a state.
    #[error("this is not a Terraform state: {missing} is missing or not as expected")]
    NotAState {
        /// The first field that doesn't fit.
        missing: &'static str,
    },
    /// A state in another format than version 4.
    #[error("the state has format version {version}; only 4 is understood")]
    UnsupportedVersion {
        /// The format's version.
        version: u64,
    },
}

#[cfg(test)]
#[path = "terraform_state_tests.rs"]
mod tests;
