//! The gateway and the plugin that a scenario asks for.

use std::time::Duration;

use jiff::SignedDuration;

use crate::{
    abi::Status,
    clock::VirtualClock,
    compiler::Module,
    faults::{Faults, RefusalAt, TrapAt},
    foreign::ForeignReply,
    gateway::{GatewayConfig, Refusal, StartError, Startup},
    logs::LogLine,
    module::ModuleError,
    plugin::{self, Plugin},
    profile::Profile,
    shared_data::{self, SharedEntry},
};

use super::{
    super::{
        content::message_bytes,
        format::{
            FailStrategy, FaultSetup, ForeignFunction, ForeignStatus, RefusalSetup, Scenario, SharedDataRace,
            StartupSetup, TrapSetup,
        },
        surroundings::surroundings,
    },
    RunError,
};

/// Envoy's default of `reload_config.backoff.base_interval`.
const RELOAD_BACKOFF: Duration = Duration::from_secs(1);

pub(super) fn config(scenario: &Scenario, follows: Profile, trace: bool) -> GatewayConfig {
    let setup = &scenario.gateway;
    let race = |race: &SharedDataRace| shared_data::SharedDataRace {
        entry: shared(&race.key, &race.value),
        before_write: race.before_write.unwrap_or(1),
    };
    GatewayConfig {
        clock: VirtualClock::starting_at(setup.clock_start().into()),
        follows,
        startup: setup.startup.into(),
        workers: setup.workers.unwrap_or(1).into(),
        shared_data: setup.shared_data.iter().map(|(key, value)| shared(key, value)).collect(),
        races: setup.shared_data_races.iter().map(race).collect(),
        surroundings: surroundings(&setup.properties).0,
        foreign_functions: setup
            .foreign_functions
            .iter()
            .map(|(name, function)| (name.clone(), foreign(function)))
            .collect(),
        faults: faults(&setup.faults),
        trace,
        ..GatewayConfig::default()
    }
}

pub(super) fn plugin(scenario: &Scenario, configuration: &[u8], module: &Module) -> Plugin {
    Plugin {
        environment: scenario.plugin.environment.clone(),
        fail_strategy: scenario.plugin.fail_strategy.unwrap_or_default().into(),
        ..Plugin::new(module, configuration)
    }
}

fn foreign(function: &ForeignFunction) -> ForeignReply {
    let results = message_bytes(function.results.as_deref(), function.base64.as_deref());
    ForeignReply { status: status(function.status), results }
}

fn status(named: ForeignStatus) -> Status {
    match named {
        ForeignStatus::Ok => Status::Ok,
        ForeignStatus::NotFound => Status::NotFound,
        ForeignStatus::BadArgument => Status::BadArgument,
        ForeignStatus::SerializationFailure => Status::SerializationFailure,
        ForeignStatus::ParseFailure => Status::ParseFailure,
        ForeignStatus::InternalFailure => Status::InternalFailure,
        ForeignStatus::Unimplemented => Status::Unimplemented,
    }
}

fn faults(setup: &FaultSetup) -> Faults {
    let trap = |trap: &TrapSetup| TrapAt { callback: trap.callback.export(), call: trap.call.unwrap_or(1) };
    let refusal = |refusal: &RefusalSetup| RefusalAt {
        function: format!("proxy_{}", refusal.function),
        call: refusal.call.unwrap_or(1),
        status: refusal.status.map_or(Status::InternalFailure, status),
    };
    Faults {
        allocations: setup.allocations,
        memory_bytes: setup.memory_bytes.and_then(|bytes| usize::try_from(bytes).ok()),
        deadline: setup.deadline.map(SignedDuration::unsigned_abs),
        trap: setup.trap.as_ref().map(trap),
        refusal: setup.refusal.as_ref().map(refusal),
    }
}

/// An entry of the data that plugins without a `vm_id` share, as they do under Istio.
fn shared(key: &str, value: &str) -> SharedEntry {
    SharedEntry { vm_id: String::new(), key: key.into(), value: value.into() }
}

/// What the plugin logged while it refused its configuration.
pub(super) fn refusal(error: StartError) -> Result<Vec<LogLine>, RunError> {
    match error {
        StartError::Refused(Refusal { logs, .. }) | StartError::Trapped(_, logs) => Ok(logs),
        StartError::Module(ModuleError::TrapAtStart(_)) => Ok(Vec::new()),
        StartError::Module(error) => Err(RunError::Module(error)),
    }
}

impl From<StartupSetup> for Startup {
    fn from(startup: StartupSetup) -> Self {
        match startup {
            StartupSetup::Workers => Self::WorkersOnly,
            StartupSetup::Envoy => Self::AsEnvoy,
        }
    }
}

impl From<FailStrategy> for plugin::FailStrategy {
    fn from(strategy: FailStrategy) -> Self {
        match strategy {
            FailStrategy::Close => Self::Close,
            FailStrategy::Open => Self::Open,
            FailStrategy::Reload => Self::Reload { backoff: RELOAD_BACKOFF },
        }
    }
}
