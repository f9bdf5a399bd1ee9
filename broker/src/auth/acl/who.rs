//! Whom a rule is for: conditions that must all hold, each of them with several values of which one must.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::Subject;
use super::template::NameTemplate;

/// The conditions of a rule; one that is absent always holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Who {
    pub(super) users: Option<Names>,
    /// Places in the list of groups.
    pub(super) groups: Option<Box<[usize]>>,
    pub(super) client_ids: Option<ClientIds>,
    pub(super) origins: Option<Box<[Origin]>>,
    pub(super) listeners: Option<Names>,
}

impl Who {
    /// Whether the rule is for `subject`, which is in the groups that `memberships` tells, in the order of
    /// their list. `allows` tells whether it is an allow rule.
    pub(super) fn includes(&self, subject: &Subject<'_>, memberships: &[bool], allows: bool) -> bool {
        let holds =
            |names: &Option<Names>, text: &str| names.as_ref().is_none_or(|names| names.contains(text));
        let is_member = |group: &usize| memberships.get(*group).copied().unwrap_or_default();
        holds(&self.users, subject.user.unwrap_or_default())
            && self.groups.as_ref().is_none_or(|groups| groups.iter().any(is_member))
            && self.client_ids.as_ref().is_none_or(|names| names.include(subject, allows))
            && self
                .origins
                .as_ref()
                .is_none_or(|origins| origins.iter().any(|one| one.includes(subject.address)))
            && holds(&self.listeners, subject.listener)
    }
}

/// Client identifiers, some of which are made of what is known of the client.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientIds {
    pub(super) names: Names,
    pub(super) templates: Box<[NameTemplate]>,
}

impl ClientIds {
    fn include(&self, subject: &Subject<'_>, allows: bool) -> bool {
        self.names.contains(subject.client_id)
            || self.templates.iter().any(|template| template.includes(subject, allows))
    }
}

/// A group: the users that the file puts into it, and whoever has a token that names it.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: Box<str>,
    pub(super) members: Names,
}

impl Group {
    pub(super) fn includes(&self, subject: &Subject<'_>) -> bool {
        let is_this = |name: &Arc<str>| **name == *self.name;
        self.members.contains(subject.user.unwrap_or_default()) || subject.groups.iter().any(is_this)
    }
}

/// Names, and beginnings of names, which end with `*`.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Sorted.
    exact: Box<[Box<str>]>,
    prefixes: Box<[Box<str>]>,
}

impl Names {
    pub(super) fn new<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Self {
        let mut exact: Vec<_> = names.clone().filter(|name| !name.ends_with('*')).map(Box::from).collect();
        exact.sort_unstable();
        let prefixes = names.filter_map(|name| name.strip_suffix('*')).map(Box::from).collect();
        Self { exact: exact.into(), prefixes }
    }

    /// Whether `name` is one of them. The empty name is that of nobody, and only the empty text stands for
    /// it: `*` is everybody who has a name.
    fn contains(&self, name: &str) -> bool {
        let is_exact = self.exact.binary_search_by(|known| (**known).cmp(name)).is_ok();
        is_exact || (!name.is_empty() && self.prefixes.iter().any(|prefix| name.starts_with(&**prefix)))
    }
}

/// Where a client may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// An address of this network.
    Network(IpNet),
    /// A Unix socket.
    Unix,
}

impl Origin {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match network {
            // Clients that come so are known by their IPv4 address, so a rule for these would hold for
            // nobody.
            Ok(IpNet::V6(network)) if network.network().to_ipv4_mapped().is_some() => {
                Err(format!("{text:?}: IPv4 is written as 10.0.0.0/8, without ::ffff:"))
            }
            Ok(network) => Ok(Self::Network(network)),
            Err(_) => Err(format!(
                "{text:?} is no network such as \"10.0.0.0/8\", no address such as \"::1\", and not \"unix\""
            )),
        }
    }

    fn includes(self, address: Option<IpAddr>) -> bool {
        match (self, address) {
            (Self::Network(network), Some(address)) => network.contains(&address.to_canonical()),
            (Self::Unix, None) => true,
            _ => false,
        }
    }
}
