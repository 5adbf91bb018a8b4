//! A read model in SQLite, by sqlx: rows and checkpoint are one transaction, so that each event has its effects exactly once, wherever
//! the process ends.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use eventsmith::state::{Generation, Projection, ProjectionConfig, ProjectionStore, Transactions};
use eventsmith::{Bus, HandlerError, Received};
use futures_util::FutureExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use sqlx::{Sqlite, Transaction};
use tempfile::TempDir;

use crate::common::*;
use crate::totals::*;

over_both_transports! {
    a_database_has_each_event_once_wherever_the_process_ends
    what_serves_is_a_view_and_what_is_old_is_dropped
}

/// A database with a table of movements for each read model, and a view of the one that is read.
#[derive(Clone)]
struct Database {
    pool: SqlitePool,
}

impl Database {
    async fn open(folder: &TempDir) -> Outcome<Self> {
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("moves.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        sqlx::query("CREATE TABLE IF NOT EXISTS checkpoints (model TEXT PRIMARY KEY, checkpoint TEXT NOT NULL)")
            .execute(&pool)
            .await?;
        Ok(Self { pool })
    }

    /// The numbers that came to a key, in their order, as readers see them.
    async fn numbers(&self, key: &str) -> Outcome<Vec<u32>> {
        let query = sqlx::query_scalar("SELECT number FROM moves WHERE key = ? ORDER BY id").bind(key);
        Ok(query.fetch_all(&self.pool).await?)
    }

    async fn tables(&self) -> Outcome<Vec<String>> {
        let query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'moves%' ORDER BY name";
        Ok(sqlx::query_scalar(query).fetch_all(&self.pool).await?)
    }
}

/// The name of a read model's table: letters, digits and underscores.
fn table(name: &str, generation: Generation) -> String {
    format!("{name}_{}_{}", generation.revision, generation.build)
}

/// A transaction, and the table that it writes to.
struct Write {
    transaction: Transaction<'static, Sqlite>,
    table: String,
}

impl ProjectionStore for Database {
    type Transaction = Write;

    async fn checkpoint(&self, name: &str, generation: Generation) -> Result<Option<String>, HandlerError> {
        let query = sqlx::query_scalar("SELECT checkpoint FROM checkpoints WHERE model = ?");
        Ok(query.bind(table(name, generation)).fetch_optional(&self.pool).await?)
    }

    async fn begin(&self, name: &str, generation: Generation) -> Result<Write, HandlerError> {
        let table = table(name, generation);
        // It takes the lock for writing at once: one that only reads first may be refused it later.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {table} (id INTEGER PRIMARY KEY, key TEXT NOT NULL, number INTEGER NOT NULL)"
        );
        sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut *transaction).await?;
        Ok(Write { transaction, table })
    }

    async fn commit(
        &self,
        Write { mut transaction, table }: Write,
        _: &str,
        _: Generation,
        expected: Option<&str>,
        checkpoint: &str,
    ) -> Result<bool, HandlerError> {
        let written = match expected {
            Some(expected) => {
                sqlx::query("UPDATE checkpoints SET checkpoint = ? WHERE model = ? AND checkpoint = ?")
                    .bind(checkpoint)
                    .bind(table)
                    .bind(expected)
                    .execute(&mut *transaction)
                    .await?
            }
            None => {
                sqlx::query("INSERT INTO checkpoints (model, checkpoint) VALUES (?, ?) ON CONFLICT DO NOTHING")
                    .bind(table)
                    .bind(checkpoint)
                    .execute(&mut *transaction)
                    .await?
            }
        };
        if written.rows_affected() == 0 {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn serve(&self, name: &str, generation: Generation) -> Result<(), HandlerError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let view =
            format!("DROP VIEW IF EXISTS {name}; CREATE VIEW {name} AS SELECT * FROM {}", table(name, generation));
        sqlx::raw_sql(sqlx::AssertSqlSafe(view)).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn discard(&self, name: &str, generation: Generation) -> Result<(), HandlerError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let drop = format!("DROP TABLE IF EXISTS {}", table(name, generation));
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM checkpoints WHERE model = ?")
            .bind(table(name, generation))
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }
}

async fn insert(write: &mut Write, event: Received<Moved>) -> Result<(), HandlerError> {
    let insert = format!("INSERT INTO {} (key, number) VALUES (?, ?)", write.table);
    let query = sqlx::query(sqlx::AssertSqlSafe(insert)).bind(&event.key).bind(event.number);
    query.execute(&mut *write.transaction).await?;
    Ok(())
}

fn moves(revision: u32, database: &Database) -> Projection<Transactions<Database>> {
    let config = ProjectionConfig { max_chunk: 3, lease: Duration::from_millis(100), ..hasty() };
    Projection::in_store("moves", revision, database.clone())
        .config(config)
        .on(|write: &mut Write, event: Received<Moved>| insert(write, event).boxed())
}

/// Drops a future after it was polled so many times, as a process that ends there; `None` then.
async fn ends_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| match left {
        0 => Poll::Ready(None),
        _ => {
            left -= 1;
            future.as_mut().poll(context).map(Some)
        }
    })
    .await
}

async fn a_database_has_each_event_once_wherever_the_process_ends(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let folder = TempDir::new()?;
    let database = Database::open(&folder).await?;
    let (mut expected, mut ended) = (Vec::new(), 0);
    for polls in (1..40).map(|round| 2 * round) {
        let number = 1 + expected.len() as u32;
        publish(&bus, "a", number..number + 4).await?;
        expected.extend(number..number + 4);
        match ends_after(polls, moves(1, &database).catch_up(&bus)).await {
            Some(caught_up) => caught_up?,
            None => ended += 1,
        }
        if polls % 20 == 0 {
            moves(1, &database).catch_up(&bus).await?;
            assert_eq!(database.numbers("a").await?, expected, "after {polls} polls");
        }
    }
    moves(1, &database).catch_up(&bus).await?;

    assert_eq!(database.numbers("a").await?, expected);
    assert!(ended > 0);
    Ok(())
}

async fn what_serves_is_a_view_and_what_is_old_is_dropped(bus: Bus) -> Outcome {
    provisioned(&bus).await?;
    let folder = TempDir::new()?;
    let database = Database::open(&folder).await?;
    publish(&bus, "a", 1..=5).await?;
    for revision in 1..=3 {
        moves(revision, &database).catch_up(&bus).await?;
        assert_eq!(database.numbers("a").await?, [1, 2, 3, 4, 5], "revision {revision}");
    }
    publish(&bus, "a", [6]).await?;
    moves(3, &database).catch_up(&bus).await?;

    assert_eq!(database.numbers("a").await?, [1, 2, 3, 4, 5, 6]);
    assert_eq!(database.tables().await?, ["moves_2_1", "moves_3_1"]);
    Ok(())
}
