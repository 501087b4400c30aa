//! Who there is: services, where they run, and what they say of themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ingest::Door;
use crate::model::resource::{AttrValue, Attributes, Resource, Scope};

/// The machines everything runs on.
pub(crate) const NODES: [&str; 3] = ["shop-node-1", "shop-node-2", "shop-node-3"];

/// A part of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    /// What browsers talk to.
    Web,
    /// Carts, kept in redis.
    Cart,
    /// Turns carts into orders.
    Checkout,
    /// Charges cards at a gateway outside.
    Payment,
    /// Products and stock, kept in postgres.
    Inventory,
    /// Books parcels for orders.
    Shipping,
    /// Tells Make.com of orders.
    MakeWebhook,
    /// The database; known by its log and metrics.
    Postgres,
    /// The cache; known by its log and metrics.
    Redis,
}

impl Service {
    /// Every part.
    pub(crate) const ALL: [Service; 9] = [
        Service::Web,
        Service::Cart,
        Service::Checkout,
        Service::Payment,
        Service::Inventory,
        Service::Shipping,
        Service::MakeWebhook,
        Service::Postgres,
        Service::Redis,
    ];

    /// Returns `service.name`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Service::Web => "web",
            Service::Cart => "cart",
            Service::Checkout => "checkout",
            Service::Payment => "payment",
            Service::Inventory => "inventory",
            Service::Shipping => "shipping",
            Service::MakeWebhook => "make-webhook",
            Service::Postgres => "postgres",
            Service::Redis => "redis",
        }
    }

    /// Returns the language of its code, as OpenTelemetry spells it.
    pub(crate) fn language(self) -> &'static str {
        match self {
            Service::Web | Service::Cart | Service::MakeWebhook => "nodejs",
            Service::Checkout | Service::Shipping => "go",
            Service::Payment => "java",
            Service::Inventory => "python",
            Service::Postgres | Service::Redis => "cpp",
        }
    }

    /// Returns how many processes run it.
    pub(crate) fn replicas(self) -> usize {
        match self {
            Service::Web | Service::Checkout => 2,
            _ => 1,
        }
    }

    /// Returns the machine of a replica.
    pub(crate) fn node(self, replica: usize) -> &'static str {
        NODES[(self as usize + replica) % NODES.len()]
    }

    /// Returns the name of a replica's process.
    pub(crate) fn instance(self, replica: usize) -> String {
        let suffix = ["x2k4p", "9vqfm", "c7zzt"][(self as usize + replica) % 3];
        format!("{}-6f9c7d5b8{}-{suffix}", self.name(), self as usize)
    }

    /// Returns the version of release `release`; only the cart is released during a demo.
    pub(crate) fn version(self, release: u32) -> String {
        match self {
            Service::Cart => format!("2.{}.0", 14 + release),
            Service::Postgres => "17.2".to_owned(),
            Service::Redis => "7.4.1".to_owned(),
            other => format!("1.{}.{}", 8 + other as usize, 3 * other as usize),
        }
    }

    /// Returns the door its spans and metrics come in by.
    pub(crate) fn door(self) -> Door {
        match self.language() {
            "go" | "java" => Door::OtlpGrpc,
            "cpp" => Door::RemoteWrite,
            _ => Door::OtlpHttp,
        }
    }

    /// Returns the door its log lines come in by: the web logs with winston-elasticsearch.
    pub(crate) fn log_door(self) -> Door {
        match self {
            Service::Web => Door::Elasticsearch,
            Service::Postgres | Service::Redis => Door::OtlpHttp,
            other => other.door(),
        }
    }
}

/// What the services say of themselves, built once.
#[derive(Default)]
pub(crate) struct Shop {
    resources: BTreeMap<(Service, usize, u32), Arc<Resource>>,
    scopes: BTreeMap<Service, Arc<Scope>>,
}

impl Shop {
    /// Returns the resource of a replica of a release.
    pub(crate) fn resource(
        &mut self,
        service: Service,
        replica: usize,
        release: u32,
    ) -> Arc<Resource> {
        let made = self.resources.entry((service, replica, release));
        Arc::clone(made.or_insert_with(|| Arc::new(resource(service, replica, release))))
    }

    /// Returns the library that observes a service.
    pub(crate) fn scope(&mut self, service: Service) -> Arc<Scope> {
        let made = self.scopes.entry(service);
        Arc::clone(made.or_insert_with(|| Arc::new(scope(service))))
    }
}

fn resource(service: Service, replica: usize, release: u32) -> Resource {
    let instance = service.instance(replica);
    let runtime = match service.language() {
        "nodejs" => "nodejs",
        "go" => "go",
        "java" => "OpenJDK Runtime Environment",
        "python" => "cpython",
        _ => "native",
    };
    let pairs = [
        ("service.name", service.name().to_owned()),
        ("service.version", service.version(release)),
        ("service.instance.id", instance.clone()),
        ("deployment.environment.name", "demo".to_owned()),
        ("host.name", service.node(replica).to_owned()),
        ("os.type", "linux".to_owned()),
        ("process.runtime.name", runtime.to_owned()),
        ("telemetry.sdk.name", "opentelemetry".to_owned()),
        ("telemetry.sdk.language", service.language().to_owned()),
        ("k8s.namespace.name", "shop".to_owned()),
        ("k8s.pod.name", instance),
    ];
    let mut attributes: Attributes =
        pairs.into_iter().map(|(key, value)| (key.to_owned(), AttrValue::Str(value))).collect();
    attributes.set("process.pid", AttrValue::Int(1 + service as i64));
    Resource { attributes }
}

fn scope(service: Service) -> Scope {
    let (name, version) = match service.language() {
        "nodejs" => ("@opentelemetry/instrumentation-http", "0.57.0"),
        "go" => ("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "0.59.0"),
        "java" => ("io.opentelemetry.tomcat-10.0", "2.12.0"),
        "python" => ("opentelemetry.instrumentation.fastapi", "0.51b0"),
        _ => ("filelog", "0.118.0"),
    };
    Scope { name: name.to_owned(), version: version.to_owned(), ..Scope::default() }
}
