//! Who appears in the story, and what they say happened: the platform's services, its customers
//! and the events that go between them. Nothing here knows how they are reached.

use owo_colors::{AnsiColors, Style};

/// The project of the platform's own services.
pub const PLATFORM: &str = "platform";

/// CI asks for a deploy.
pub const REQUESTED: &str = "site.deploy.requested";

/// The sites service has uploaded a version.
pub const UPLOADED: &str = "site.version.uploaded";

/// The domains service has updated the DNS records.
pub const UPDATED: &str = "domain.records.updated";

/// A listener has measured what a deploy used.
pub const MEASURED: &str = "usage.measured";

/// The sites service has finished the deploy.
pub const SUCCEEDED: &str = "site.deploy.succeeded";

/// A customer checks a site; a listener of theirs answers with the same event, which is a mistake.
pub const CHECKED: &str = "site.checked";

/// The types of which each event promises one webhook; the others promise none.
pub const PROMISING: [&str; 5] = [REQUESTED, UPLOADED, UPDATED, MEASURED, SUCCEEDED];

/// Somebody in the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Riposte itself.
    Gateway,
    /// Whoever runs it.
    Operator,
    /// The platform's service that holds sites.
    Sites,
    /// The platform's service that keeps DNS records.
    Domains,
    /// The platform's service that writes bills.
    Billing,
    /// A customer: their CI, and whoever makes their listeners.
    Customer(Customer),
    /// The server of a customer's own, which hears how deploys end.
    Server(Customer),
}

/// A customer of the platform: a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Customer {
    /// One whose deploy goes well.
    Acme,
    /// One whose server is down.
    Globex,
}

impl Customer {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Acme, Self::Globex];

    /// The name of the project.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acme => "acme",
            Self::Globex => "globex",
        }
    }
}

impl Actor {
    /// What a reader knows them by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Operator => "operator",
            Self::Sites => "sites",
            Self::Domains => "domains",
            Self::Billing => "billing",
            Self::Customer(customer) => customer.name(),
            Self::Server(Customer::Acme) => "acme server",
            Self::Server(Customer::Globex) => "globex server",
        }
    }

    /// What they look like on a terminal.
    pub fn look(self) -> Style {
        let colour = match self {
            Self::Gateway => return Style::new().bold(),
            Self::Operator => return Style::new().dimmed(),
            Self::Sites => AnsiColors::Blue,
            Self::Domains => AnsiColors::Cyan,
            Self::Billing => AnsiColors::BrightBlue,
            Self::Customer(Customer::Acme) | Self::Server(Customer::Acme) => AnsiColors::Magenta,
            Self::Customer(Customer::Globex) | Self::Server(Customer::Globex) => AnsiColors::Yellow,
        };
        Style::new().color(colour)
    }
}

/// A deploy: which site of whose, and which version of it.
#[derive(Debug, Clone)]
pub struct Deploy {
    /// Whose site it is.
    pub customer: Customer,
    /// The site.
    pub site: String,
    /// The version that is deployed.
    pub version: u32,
}

impl Deploy {
    /// A deploy of `version` of a customer's site.
    pub fn new(customer: Customer, site: impl Into<String>, version: u32) -> Self {
        Self {
            customer,
            site: site.into(),
            version,
        }
    }
}
