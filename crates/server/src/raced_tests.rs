//! Clients that delete what another one is just making: that one is told of what it has made all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cache::Blobs;
use serde_json::{Value, json};
use track::{LoggedModelSearch, SqliteStore, VersionSearch};

use crate::call::Call;
use crate::context::Context;
use crate::route::Handler;
use crate::wire::Json;
use crate::{logged_models, registry, versions};

/// How often each thing is made.
const TIMES: usize = 200;

fn sent(context: &Context, handler: Handler, fields: &Value) -> Result<Value, String> {
    match handler(context, &Call::from_body(fields.to_string().as_bytes())) {
        Ok(Json::Whole(bytes)) => Ok(serde_json::from_slice(&bytes).unwrap()),
        Ok(Json::Long(_)) => panic!("no list"),
        Err(fault) => Err(fault.message),
    }
}

/// Says that all is made, or that it went wrong.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes things while others delete each as soon as they see it.
fn raced(make: impl Fn(&Context, usize), delete: impl Fn(&Context) + Sync + Send) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&folder.path().join("runs.db")).unwrap());
    let context = Context::new(store, Blobs::new(&folder.path().join("cache")));
    sent(&context, registry::create, &json!({"name": "kept"})).unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    delete(&context);
                }
            });
        }
        let _done = Done(&is_done);
        (0..TIMES).for_each(|number| make(&context, number));
    });
}

#[test]
fn a_registered_model_that_another_client_deletes_at_once_is_told_to_its_maker() {
    let make = |context: &Context, number: usize| {
        let made =
            sent(context, registry::create, &json!({"name": "new", "description": number.to_string()}));
        match made {
            Ok(made) => assert_eq!(made["registered_model"]["description"], json!(number.to_string())),
            Err(message) => assert_eq!(message, "Registered Model (name=new) already exists."),
        }
    };
    raced(make, |context| drop(sent(context, registry::delete, &json!({"name": "new"}))));
}

#[test]
fn a_version_that_another_client_deletes_at_once_is_told_to_its_maker() {
    let make = |context: &Context, _| {
        let fields = json!({"name": "kept", "source": "s3://models/net"});
        let made = sent(context, versions::create, &fields).unwrap();
        assert_eq!(made["model_version"]["source"], fields["source"]);
    };
    let delete = |context: &Context| {
        for version in context.store.search_model_versions(&VersionSearch::default()).unwrap() {
            let fields = json!({"name": "kept", "version": version.version.to_string()});
            let _ = sent(context, versions::delete, &fields);
        }
    };
    raced(make, delete);
}

#[test]
fn a_logged_model_that_another_client_deletes_at_once_is_told_to_its_maker() {
    let make = |context: &Context, _| {
        let made =
            sent(context, logged_models::create, &json!({"experiment_id": "0", "name": "net"})).unwrap();
        assert_eq!(made["model"]["info"]["name"], "net");
    };
    let delete = |context: &Context| {
        for model in context.store.search_logged_models(&LoggedModelSearch::default()).unwrap() {
            let path = vec![("model_id".to_owned(), model.id.to_string())];
            let _ = logged_models::delete(context, &Call { path, ..Call::default() });
        }
    };
    raced(make, delete);
}
