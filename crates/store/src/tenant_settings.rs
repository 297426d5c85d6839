//! What an organisation has decided about itself.

use medcor_policy::{Role, TenantId};

use crate::{
    Conflict, StoreError,
    batch::{Batch, Change},
    database::Statement,
    identity::Identity,
};

/// For how long an encounter puts a patient into the care of who took part: two years.
const CARE_WINDOW_DAYS: u32 = 730;
/// Patients whom an agent may look at in an hour.
const AGENT_PATIENTS_PER_HOUR: u32 = 60;

/// The settings of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantSettings {
    /// Whether clinicians see the patients in their care alone: by an active care team, as general
    /// practitioner, or by an encounter.
    pub care_team_only: bool,
    /// For how many days after an encounter its patient is in the care of who took part.
    pub care_window_days: u32,
    /// Whether people confirm what agents are about to do.
    pub write_confirmation: WriteConfirmation,
    /// How many patients an agent may look at within an hour.
    pub agent_patients_per_hour: u32,
    /// Whose logins need a second factor.
    pub second_factor: SecondFactor,
    /// Hosts that webhooks may call, such as `hooks.example.org` or `hooks.example.org:8443`; none is the
    /// default.
    pub webhook_hosts: Vec<String>,
}

/// Whose logins need more than a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecondFactor {
    /// Theirs who have set one up.
    #[default]
    Optional,
    /// Theirs, and those of everybody but patients.
    Staff,
    /// Everybody's.
    Everyone,
}

impl SecondFactor {
    /// Whether somebody with these roles needs one.
    pub fn is_needed_by(self, roles: &[Role]) -> bool {
        match self {
            Self::Optional => false,
            Self::Staff => roles.iter().any(|role| *role != Role::Patient),
            Self::Everyone => true,
        }
    }
}

/// When a call that can do harm has to be confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteConfirmation {
    /// Never.
    Off,
    /// Where the client can ask its person.
    #[default]
    WhenSupported,
    /// Always: where the client can't ask, by a second call with the token that the first one gave.
    Always,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            care_team_only: false,
            care_window_days: CARE_WINDOW_DAYS,
            write_confirmation: WriteConfirmation::default(),
            agent_patients_per_hour: AGENT_PATIENTS_PER_HOUR,
            second_factor: SecondFactor::default(),
            webhook_hosts: Vec::new(),
        }
    }
}

/// A setting that there is not, or a value that it does not take.
#[derive(Debug, thiserror::Error)]
#[error(
    "the settings of an organisation are care_team_only (on, off), care_window_days (a number), \
     write_confirmation (off, when_supported, always), agent_patients_per_hour (a number), \
     second_factor (optional, staff, everyone) and webhook_hosts (hosts, each with a port where that is not 443, \
     separated by commas; none)"
)]
pub struct UnknownSetting;

impl TenantSettings {
    /// Sets what is stored under a name. A name or value of a newer program is left alone.
    pub(crate) fn take(&mut self, name: &str, value: &str) {
        if let Ok(changed) = self.clone().with(name, value) {
            *self = changed;
        }
    }

    /// The settings with this value in the place of another.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, UnknownSetting> {
        match (name, value) {
            ("care_team_only", "on") => self.care_team_only = true,
            ("care_team_only", "off") => self.care_team_only = false,
            ("write_confirmation", "off") => self.write_confirmation = WriteConfirmation::Off,
            ("write_confirmation", "when_supported") => {
                self.write_confirmation = WriteConfirmation::WhenSupported;
            }
            ("write_confirmation", "always") => self.write_confirmation = WriteConfirmation::Always,
            ("second_factor", "optional") => self.second_factor = SecondFactor::Optional,
            ("second_factor", "staff") => self.second_factor = SecondFactor::Staff,
            ("second_factor", "everyone") => self.second_factor = SecondFactor::Everyone,
            ("care_window_days", number) => {
                self.care_window_days = number.parse().map_err(|_not_a_number| UnknownSetting)?;
            }
            ("agent_patients_per_hour", number) => {
                self.agent_patients_per_hour = number.parse().map_err(|_not_a_number| UnknownSetting)?;
            }
            ("webhook_hosts", hosts) => self.webhook_hosts = hosts_of(hosts)?,
            _ => return Err(UnknownSetting),
        }
        Ok(self)
    }
}

/// Hosts separated by commas: names or addresses, each with a port where it is not the usual one. No wildcards:
/// who allows a host allows what answers there.
fn hosts_of(text: &str) -> Result<Vec<String>, UnknownSetting> {
    if text == "none" {
        return Ok(Vec::new());
    }
    let is_host = |host: &str| {
        let (name, port) = match host.strip_prefix('[') {
            Some(address) => address.split_once(']').unwrap_or((address, ":")),
            None => host.split_at(host.find(':').unwrap_or(host.len())),
        };
        let is_port = port.is_empty()
            || port.strip_prefix(':').is_some_and(|number| number.parse::<u16>().is_ok_and(|it| it > 0));
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        let is_address = host.starts_with('[') && name.parse::<std::net::Ipv6Addr>().is_ok();
        is_port && (is_address || (!name.is_empty() && name.bytes().all(is_name)))
    };
    let hosts: Vec<String> = text.split(',').map(|host| host.trim().to_ascii_lowercase()).collect();
    if hosts.iter().all(|host| is_host(host)) { Ok(hosts) } else { Err(UnknownSetting) }
}

impl Identity {
    /// Changes a setting of a tenant; [`TenantSettings::with`] says what is known. This instance sees it at
    /// once, others within seconds.
    pub async fn set_tenant_setting(
        &self,
        tenant: TenantId,
        name: &str,
        value: &str,
    ) -> Result<(), StoreError> {
        let statement = Statement::of_server(
            "INSERT INTO tenant_setting (tenant, name, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value",
            vec![tenant.into(), name.into(), value.into()],
        );
        let otherwise = Conflict::Claimed(name.to_owned());
        let changes = vec![Change { statement, otherwise }];
        self.store().backend().commit(Batch { changes, ..Batch::default() }).await?;
        self.store().forget_sight(tenant);
        Ok(())
    }
}
