//! Finding things: the questions that programs ask, with their types.

use super::{Cache, CacheOptions, Client, Error, Observing, RegisterOptions, Registering};
use super::{Session, SessionOptions};
use crate::pure::base::{ObjectId, RequestId};
use crate::pure::model::ObjectRecord;
use crate::pure::protocol::locate::{Choose, FoundRow, ObjectReport, Position, Registration, Subject};
use crate::pure::protocol::report::Resolved;
use crate::pure::protocol::request::{ErrorCode, Failure};
use crate::pure::protocol::update::VersionText;
use crate::pure::protocol::{Request, Response};

/// How an id is to be resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resolve {
    /// How many endpoints of a group, instead of as it says; 0: all that are active.
    pub count: Option<u32>,
    /// Only from a database that holds this version, as answers tell it; waited for within the client's timeout.
    pub at_least: Option<VersionText>,
}

impl Client {
    /// Where is this adapter, replica group or object? Starts a server where the policy chooses one that does not run.
    ///
    /// # Errors
    /// [`Error`]; [`Error::is_not_found`] for an id that nobody knows.
    pub async fn resolve(&self, id: &str) -> Result<Resolved, Error> {
        self.resolve_with(id, Resolve::default()).await
    }
    /// As [`Client::resolve`], on conditions.
    ///
    /// # Errors
    /// As [`Client::resolve`].
    pub async fn resolve_with(&self, id: &str, how: Resolve) -> Result<Resolved, Error> {
        let Resolve { count, at_least } = how;
        let id = id.to_owned();
        match self.call(Request::Resolve { id, at_least, count }).await? {
            Response::Resolved(resolved) => Ok(resolved),
            _ => Err(other_answer()),
        }
    }
    /// One object of a type.
    ///
    /// # Errors
    /// As [`Client::resolve`].
    pub async fn find(&self, kind: &str) -> Result<FoundRow, Error> {
        let (mut objects, _) = self.found(kind, Choose::Any, None).await?;
        objects.pop().ok_or_else(other_answer)
    }
    /// The object of a type that is on the least loaded node.
    ///
    /// # Errors
    /// As [`Client::resolve`].
    pub async fn find_least_loaded(&self, kind: &str) -> Result<FoundRow, Error> {
        let (mut objects, _) = self.found(kind, Choose::LeastLoaded, None).await?;
        objects.pop().ok_or_else(other_answer)
    }
    /// Every object of a type that runs or can be started, in order of ids; asked for in parts of a thousand.
    ///
    /// # Errors
    /// As [`Client::resolve`].
    pub async fn find_all(&self, kind: &str) -> Result<Vec<FoundRow>, Error> {
        let mut all: Vec<FoundRow> = Vec::new();
        loop {
            let after = all.last().map(|row| row.id.clone());
            let (part, more) = self.found(kind, Choose::All, after).await?;
            let empty = part.is_empty();
            all.extend(part);
            if !more || empty {
                return Ok(all);
            }
        }
    }
    async fn found(&self, kind: &str, choose: Choose, after: Option<String>) -> Result<(Vec<FoundRow>, bool), Error> {
        let request = Request::Find {
            kind: kind.to_owned(),
            choose,
            after,
            at_least: None,
        };
        match self.call(request).await? {
            Response::Found(found) => Ok((found.objects, found.more)),
            _ => Err(other_answer()),
        }
    }
    /// Adds a well-known object outside all applications, or changes it; durable when it returns.
    ///
    /// # Errors
    /// [`Error`]; after `InDoubt` call again with the same `request`: it is applied once.
    pub async fn put_object(&self, object: ObjectRecord, request: RequestId) -> Result<ObjectReport, Error> {
        match self.call(Request::PutObject { object, request }).await? {
            Response::ObjectStored(report) => Ok(report),
            _ => Err(other_answer()),
        }
    }
    /// Removes such an object.
    ///
    /// # Errors
    /// As [`Client::put_object`].
    pub async fn remove_object(&self, id: ObjectId, request: RequestId) -> Result<ObjectReport, Error> {
        match self.call(Request::RemoveObject { id, request }).await? {
            Response::ObjectStored(report) => Ok(report),
            _ => Err(other_answer()),
        }
    }
    /// Registers an adapter of this process with any registry, and renews that until the handle is closed or dropped.
    ///
    /// # Errors
    /// [`Error`]; nothing is registered, or it ends by itself within its time to live.
    pub async fn register(&self, registration: Registration, options: RegisterOptions) -> Result<Registering, Error> {
        Registering::begin(self.clone(), registration, options).await
    }
    /// Opens a session, which holds resources, and renews it until the handle is closed or dropped.
    ///
    /// # Errors
    /// [`Error`]; there is no session, or it ends by itself within its time to live.
    pub async fn session(&self, options: SessionOptions) -> Result<Session, Error> {
        Session::open(self.clone(), options).await
    }
    /// Everything of these subjects (none: of all), then what changes. `after`: only what changed since then, where that is
    /// still known.
    pub fn observe(&self, subjects: Vec<Subject>, after: Option<Position>) -> Observing {
        Observing::new(self.clone(), subjects, after)
    }
    /// Resolves from memory that a registry keeps up to date. Wants to be called within a runtime.
    pub fn cache(&self, options: CacheOptions) -> Cache {
        Cache::new(self.clone(), options)
    }
}

/// A registry of another build, or no registry at all.
pub(super) fn other_answer() -> Error {
    let message = "the peer answered something else than was asked";
    let hint = "compare its version with this client's";
    Failure::new(ErrorCode::Internal, message, hint).into()
}
