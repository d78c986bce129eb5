//! Appending: the script, its permissions, and the meaning of its failures.

use redis::{Cmd, Pipeline, Value, cmd};

use crate::{
    event::id::EventId,
    relay::{
        log::AppendError,
        record::Record,
        redis::{
            Bound, RedisLog,
            error::RedisLogError,
            failed::{Failed, Repeat},
            millis, reply,
        },
    },
};

impl RedisLog {
    /// Checks that Redis answers, and that its user has the [permissions](RedisLog#permissions) that a node
    /// needs.
    ///
    /// It changes nothing. Call it when your program starts, to find a mistake in the configuration before
    /// the first event. The permissions to append are also checked before the first record is appended.
    ///
    /// # Errors
    ///
    /// Returns Redis's error, or the commands and keys that the user lacks.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), ssekit::relay::RedisLogError> {
    /// use ssekit::relay::RedisLog;
    ///
    /// let log = RedisLog::open("redis://events:secret@127.0.0.1/", "orders")?;
    /// log.check().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check(&self) -> Result<(), RedisLogError> {
        self.prepare().await?;
        let mut follow = Pipeline::new();
        follow.cmd("XREAD").arg("COUNT").arg(1).arg("STREAMS").arg(&self.name).arg("$").ignore();
        Ok(self.links().read.query(&follow, Repeat::WhenBroken).await?)
    }

    pub(super) async fn append_record(
        &self,
        record: &Record,
        key: Option<&str>,
    ) -> Result<EventId, AppendError<RedisLogError>> {
        let mut script = match self.script.get() {
            Some(script) => script.clone(),
            None => self.prepare().await.map_err(AppendError::Refused)?,
        };
        let mut loaded = false;
        loop {
            let mut append = Pipeline::new();
            append.add_command(self.append_command(&script, record, key));
            match self.links().append.query::<(Value,)>(&append, Repeat::WithoutEffect).await {
                Ok((Value::Nil,)) => return Err(AppendError::Finished),
                Ok((reply,)) => return reply::appended(&reply).map_err(AppendError::Unacknowledged),
                // A restart or a failover empties the server's scripts. Once only, so that a server
                // that loses it each time does not keep the caller here.
                Err(Failed::Refused(error)) if error.needs_script() && !loaded => {
                    script = self.load(APPEND).await.map_err(AppendError::Refused)?;
                    loaded = true;
                }
                Err(Failed::NotSent(error) | Failed::Refused(error)) => {
                    return Err(AppendError::Refused(error));
                }
                Err(Failed::Unknown(error)) => return Err(AppendError::Unacknowledged(error)),
            }
        }
    }

    /// Checks the permissions, loads the script that appends, and stores its name on the server.
    pub(super) async fn prepare(&self) -> Result<String, RedisLogError> {
        let check = self.load(CHECK).await?;
        let mut run = Pipeline::new();
        run.cmd("EVALSHA").arg(check).arg(3).arg(&self.name).arg(self.finished()).arg(self.once(""));
        let (refused,): (Vec<String>,) = self.links().append.query(&run, Repeat::WhenBroken).await?;
        if !refused.is_empty() {
            return Err(RedisLogError::forbidden(&forbidden(&refused)));
        }
        let script = self.load(APPEND).await?;
        // Several callers may have come here at once, with the same result.
        Ok(self.script.get_or_init(|| script).clone())
    }

    /// Loads a script into the server and returns its name there.
    async fn load(&self, script: &str) -> Result<String, RedisLogError> {
        let mut load = Pipeline::new();
        load.cmd("SCRIPT").arg("LOAD").arg(script);
        let (name,) = self.links().append.query(&load, Repeat::WhenBroken).await?;
        Ok(name)
    }

    /// Returns the command that appends a record.
    fn append_command(&self, script: &str, record: &Record, key: Option<&str>) -> Cmd {
        let mut command = cmd("EVALSHA");
        command.arg(script).arg(2 + usize::from(key.is_some()));
        command.arg(&self.name).arg(self.finished());
        if let Some(key) = key {
            command.arg(self.once(key));
        }
        match self.bound {
            Bound::Entries(entries) => command.arg("MAXLEN").arg(entries),
            Bound::Age(age) => command.arg("MINID").arg(millis(age)),
        };
        let mark = match record {
            Record::Begin => "begin",
            Record::Finish { .. } => "finish",
            _ => "",
        };
        command.arg(millis(self.remembered)).arg(mark).arg(record.topic().unwrap_or_default());
        for (name, value) in record.fields() {
            command.arg(name).arg(&value[..]);
        }
        command
    }

    fn finished(&self) -> String {
        format!("{}:finished", self.prefix)
    }

    fn once(&self, key: &str) -> String {
        format!("{}:once:{key}", self.prefix)
    }
}

/// Formats commands and keys, which alternate in the list.
fn forbidden(refused: &[String]) -> String {
    let each = refused.chunks(2).map(|refused| match refused {
        [command, key] if !key.is_empty() => format!("{command} on {key}"),
        other => other.concat(),
    });
    format!("it may not run {}", each.collect::<Vec<_>>().join(", "))
}

const APPEND: &str = include_str!("append.lua");
const CHECK: &str = include_str!("check.lua");
