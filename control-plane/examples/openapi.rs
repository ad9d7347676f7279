//! Prints the OpenAPI document: `cargo run -p control-plane --example openapi > openapi.json`.
#![expect(clippy::print_stdout, reason = "printing is all that it does")]

fn main() {
    print!("{}", control_plane::openapi_json());
}
