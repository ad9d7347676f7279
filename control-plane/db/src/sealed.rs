//! Every column that holds something sealed, for changing the master key: all of them are walked, and each value is
//! replaced only where it is still the one that was read.
//!
//! It works across customers and past every role's grants, so it needs the owner of the schema.

use sqlx::{AssertSqlSafe, PgConnection, Row};

/// A column of sealed values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedColumn {
    /// Its table.
    pub table: &'static str,
    /// The table's primary key: names and types, in order.
    pub key: &'static [(&'static str, &'static str)],
    /// The column.
    pub column: &'static str,
}

/// All of them; a test compares them with the schema.
pub const SEALED_COLUMNS: [SealedColumn; 6] = [
    SealedColumn {
        table: "cloud_accounts",
        key: &[("id", "uuid")],
        column: "credentials_sealed",
    },
    SealedColumn {
        table: "credentials",
        key: &[("user_id", "uuid")],
        column: "totp_sealed",
    },
    SealedColumn {
        table: "mails",
        key: &[("id", "uuid")],
        column: "parameters_sealed",
    },
    SealedColumn {
        table: "signing_keys",
        key: &[("id", "uuid")],
        column: "private_key_sealed",
    },
    SealedColumn {
        table: "site_specifications",
        key: &[("site_id", "uuid"), ("number", "integer")],
        column: "secrets_sealed",
    },
    SealedColumn {
        table: "sites",
        key: &[("id", "uuid")],
        column: "outputs_sealed",
    },
];

impl std::fmt::Display for SealedColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.table, self.column)
    }
}

/// A sealed value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// The primary key, as texts.
    pub key: Vec<String>,
    /// The sealed bytes, or their beginning.
    pub sealed: Vec<u8>,
}

/// A value to put in the place of another.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// What was read.
    pub read: SealedRow,
    /// What stands there afterwards.
    pub sealed: Vec<u8>,
}

/// The next rows after `after`, in the order of their keys, that hold something. `bytes` cuts each value off.
///
/// # Errors
/// The database refused.
pub async fn page(
    conn: &mut PgConnection,
    of: &SealedColumn,
    after: Option<&[String]>,
    bytes: Option<i32>,
    limit: i64,
) -> sqlx::Result<Vec<SealedRow>> {
    let SealedColumn { table, key, column } = of;
    let names = list(key.iter().map(|(name, _)| (*name).to_owned()));
    let texts = list(key.iter().map(|(name, _)| format!("{name}::text")));
    let place = list((key.iter().zip(3..)).map(|((_, kind), at)| format!("${at}::text::{kind}")));
    let further = after.map_or_else(String::new, |_| format!("and ({names}) > ({place})"));
    let statement = format!(
        "select array[{texts}] as key, case when $1::integer is null then {column} else substring({column} from 1 for $1) end as sealed
         from {table} where {column} is not null {further} order by {names} limit $2"
    );
    // Nothing in it but the names above.
    let mut query = sqlx::query(AssertSqlSafe(statement)).bind(bytes).bind(limit);
    for part in after.unwrap_or_default() {
        query = query.bind(part);
    }
    let rows = query.fetch_all(conn).await?;
    rows.into_iter()
        .map(|row| {
            Ok(SealedRow {
                key: row.try_get("key")?,
                sealed: row.try_get("sealed")?,
            })
        })
        .collect()
}

/// Replaces values that are still the ones that were read, and says how many. It waits for nobody: what a request is
/// writing just now is left out.
///
/// # Errors
/// The database refused; then nothing was replaced.
pub async fn replace(
    conn: &mut PgConnection,
    of: &SealedColumn,
    replacements: &[Replacement],
) -> sqlx::Result<u64> {
    let SealedColumn { table, key, column } = of;
    let names = list(key.iter().map(|(name, _)| (*name).to_owned()));
    let arrays = list((3..3 + key.len()).map(|at| format!("${at}::text[]")));
    let own = list(key.iter().map(|(name, _)| format!("t.{name}")));
    let asked = list(key.iter().map(|(name, kind)| format!("c.{name}::{kind}")));
    let held = list(key.iter().map(|(name, _)| format!("l.{name}")));
    let statement = format!(
        "with locked as (
             select {own}, c.found, c.put
             from {table} t
             join unnest($1::bytea[], $2::bytea[], {arrays}) as c (found, put, {names})
                 on ({own}) = ({asked})
             where t.{column} = c.found
             for no key update of t skip locked
         )
         update {table} t set {column} = l.put from locked l where ({own}) = ({held}) and t.{column} = l.found"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement))
        .bind(column_of(replacements, |row| row.read.sealed.clone()))
        .bind(column_of(replacements, |row| row.sealed.clone()));
    for at in 0..key.len() {
        query = query.bind(column_of(replacements, |row| {
            row.read.key.get(at).cloned().unwrap_or_default()
        }));
    }
    Ok(query.execute(conn).await?.rows_affected())
}

fn column_of<T>(replacements: &[Replacement], part: impl Fn(&Replacement) -> T) -> Vec<T> {
    replacements.iter().map(part).collect()
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
