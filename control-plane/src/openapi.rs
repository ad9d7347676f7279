//! The OpenAPI 3.1 document: made from the routes, so that it can't say anything else.

use std::sync::LazyLock;

use axum::{http::header, response::IntoResponse};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, ContactBuilder, Content, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
        ResponseBuilder,
        path::{Operation, Parameter, ParameterIn},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use domain::access::Permission;

use crate::{
    auth::operations::{Access, OPERATIONS, operation_id},
    error::Problem,
    router::routes,
};

/// The document before any route is in it.
pub(crate) fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Siteplane")
        .version("1")
        .description(Some(
            "Puts customers' sites on any cloud. What a worker does is answered with 202 and a Location; every \
             refusal is a problem document (RFC 9457) with a `code` that never changes and a `trace_id`.",
        ))
        .contact(Some(ContactBuilder::new().name(Some("Siteplane")).build()))
        .build();
    let mut components = Components::new();
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.add_security_scheme("password", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    components
        .schemas
        .insert(Problem::name().into_owned(), Problem::schema());
    let mut below = Vec::new();
    Problem::schemas(&mut below);
    components.schemas.extend(below);
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .build()
}

/// The document, with all that an operation may refuse with.
fn document() -> OpenApi {
    let mut document = routes().into_openapi();
    for (path, item) in &mut document.paths.paths {
        let operations: [(&str, &mut Option<Operation>); 5] = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            // Handlers of different resources share names; an id is one of a kind.
            let id = operation_id(method, path);
            say_who_may(operation, &id);
            operation.operation_id = Some(id);
            say_how_it_refuses(operation, method);
        }
    }
    document
}

/// Who may call an operation, from the table that its extractor obeys.
fn say_who_may(operation: &mut Operation, id: &str) {
    let access = OPERATIONS
        .iter()
        .find(|(row, _)| *row == id)
        .map(|(_, access)| *access);
    let says = match access {
        Some(Access::Open) => "Open to everybody.".to_owned(),
        Some(Access::SignedIn) => "Whoever is signed in.".to_owned(),
        Some(Access::Holds(permission)) => format!("Needs the permission `{permission}`."),
        None => "Nobody may call this.".to_owned(),
    };
    let description = operation.description.take().unwrap_or_default();
    operation.description = Some(format!("{description}\n\n{says}").trim().to_owned());
    operation.security = match access {
        Some(Access::Open) | None => None,
        Some(Access::Holds(Permission::ReadState)) => Some(vec![
            SecurityRequirement::new("token", [""; 0]),
            SecurityRequirement::new("password", [""; 0]),
        ]),
        Some(_) => Some(vec![SecurityRequirement::new("token", [""; 0])]),
    };
}

/// How an operation may refuse, from what it asks for: whoever takes a body may find that it is no JSON. What is
/// its own (a 410, a 423) stands at its handler; only the form of the document is added here.
fn say_how_it_refuses(operation: &mut Operation, method: &str) {
    let parameters: Vec<&Parameter> = operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
        .collect();
    let in_path = parameters
        .iter()
        .any(|parameter| parameter.parameter_in == ParameterIn::Path);
    let if_match = parameters
        .iter()
        .any(|parameter| parameter.name.eq_ignore_ascii_case("If-Match"));
    let parameters = !parameters.is_empty();
    let body = operation.request_body.is_some();
    let rules = [
        (
            operation.security.is_some(),
            401,
            "No token, or one that is not good",
        ),
        (operation.security.is_some(), 403, "Known, and not allowed"),
        (in_path, 404, "Unknown, or another customer's"),
        (body, 400, "The body is no JSON"),
        (body, 413, "The body is too long"),
        (body, 415, "The body is no JSON by its own words"),
        (body || parameters, 422, "Fields that do not fit, all of them"),
        (method != "get", 409, "It does not fit to what is there"),
        (if_match, 412, "It was changed since"),
        (if_match, 428, "If-Match is missing"),
        (
            true,
            429,
            "Too much at once; Retry-After says when there is room again",
        ),
        (true, 500, "Something broke"),
        (true, 503, "Something that is needed is away; try again"),
        (true, 504, "It took too long; what it began was undone"),
    ];
    let responses = &mut operation.responses.responses;
    for (applies, status, why) in rules {
        if applies {
            responses
                .entry(status.to_string())
                .or_insert_with(|| RefOr::T(ResponseBuilder::new().description(why).build()));
        }
    }
    for (status, response) in responses {
        let RefOr::T(response) = response else { continue };
        if status.starts_with(['4', '5']) && response.content.is_empty() {
            response.content.insert(
                "application/problem+json".to_owned(),
                RefOr::T(Content::new(Some(Ref::from_schema_name(Problem::name())))),
            );
        }
    }
}

/// The document as it is checked in: pretty, and the same on every run.
pub fn openapi_json() -> String {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut text = document().to_pretty_json().expect("the document is plain JSON");
        text.push('\n');
        text
    });
    TEXT.clone()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "operation",
    responses((status = 200, description = "The OpenAPI document", body = Object)))]
pub(crate) async fn read() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json())
}
