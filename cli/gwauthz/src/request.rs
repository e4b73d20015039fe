//! The request that `gwauthz test` and `gwauthz trace` send, and the gateway that they send it through.

mod authz;
mod token;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::{Args, ValueEnum};
use gwauthz_host::{
    Gateway, GatewayConfig, HttpRequest, LogLine, Metering, Module, Plugin, Profile, StartError, VirtualClock, World,
};
use gwauthz_lint::{DeployedPlugin, deployed_plugins};

use crate::{
    exit::Failure,
    manifests,
    module::{self, ChosenModule},
    terminal::Terminal,
};

pub(crate) use authz::Authz;
use authz::Services;
pub(crate) use token::{Minting, mint};

/// One request, and the world that it meets.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// Send this token: a JWT, @FILE, - for standard input, or none to have a demo token minted
    #[expect(clippy::option_option, reason = "clap's way to say: absent, without a value, with one")]
    #[arg(long, value_name = "JWT|@FILE|-", num_args = 0..=1)]
    token: Option<Option<String>>,
    /// Claims laid over the demo token's: JSON, or @FILE; null takes a claim away
    #[arg(long, value_name = "JSON|@FILE")]
    claims: Option<String>,
    /// Manifest to take pluginConfig and vmConfig from [default: only the `cluster` that Istio would name]
    #[arg(short, long, value_name = "YAML")]
    config: Option<PathBuf>,
    /// Which WasmPlugin in the manifest, where there are several
    #[arg(long, value_name = "NAME", requires = "config")]
    plugin: Option<String>,
    /// Module to run [default: the embedded one, else the one of this checkout]
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Method of the request
    #[arg(long, value_name = "METHOD", default_value = "GET")]
    method: String,
    /// Path of the request, with its query
    #[arg(long, value_name = "PATH", default_value = "/")]
    path: String,
    /// Header of the request; may be given several times, and twice with one name
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// How the authorization service answers: a status, timeout, refused, reset, or the URL of a real one to ask
    #[arg(long, value_name = "ANSWER", default_value = "200")]
    authz: Authz,
    /// Whom the gateway follows where Envoy and the specification of the ABI differ
    #[arg(long, value_name = "PROFILE", default_value = "envoy")]
    profile: Followed,
    /// Compile the module anew, and do not keep what was compiled
    #[arg(long)]
    no_cache: bool,
}

/// A [`Profile`], as it is named on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Followed {
    Envoy,
    Spec,
}

/// What the plugin is configured with where no manifest is named.
const DEFAULT_CONFIG: &str = r#"{"cluster":"outbound|8080||jwt-auth-service.default.svc.cluster.local"}"#;

/// The module and its configuration, ready to be started as often as need be.
pub(crate) struct Bench {
    module: Module,
    config: Configuration,
    profile: Profile,
}

/// What a manifest gives the plugin.
#[derive(Clone)]
pub(crate) struct Configuration {
    /// JSON text.
    text: String,
    /// The environment of its VM.
    environment: BTreeMap<String, String>,
}

impl Bench {
    /// Starts a gateway with the plugin, among these services; its clock shows the time of day, and `trace` records every
    /// call of the plugin.
    pub(crate) fn start<W: World>(&self, services: W, trace: bool) -> Result<Gateway<W>, Failure> {
        let clock = VirtualClock::starting_at(SystemTime::now());
        self.start_with(services, GatewayConfig { clock, trace, profile: true, ..GatewayConfig::default() })
    }

    /// Starts a gateway of this kind with the plugin.
    pub(crate) fn start_with<W: World>(&self, services: W, config: GatewayConfig) -> Result<Gateway<W>, Failure> {
        let config = GatewayConfig { follows: self.profile, ..config };
        let Configuration { text, environment } = self.config.clone();
        Ok(Gateway::start([Plugin { environment, ..Plugin::new(&self.module, text) }], config, services)?)
    }

    /// The plugin's configuration: JSON text.
    pub(crate) fn config(&self) -> &str {
        &self.config.text
    }
}

impl RequestArgs {
    /// Starts a gateway with the plugin, and makes the request for it; `trace` records every call of the plugin.
    pub(crate) fn prepare(self, trace: bool, terminal: &Terminal) -> Result<(Gateway<Services>, HttpRequest), Failure> {
        let request = self.request(Minting::Once, terminal)?;
        let bench = self.bench(terminal)?;
        let mut gateway = bench.start(self.authz.into_services()?, trace)?;
        detail_logs(&gateway.take_logs(), terminal);
        Ok((gateway, request))
    }

    /// The module and its configuration.
    pub(crate) fn bench(&self, terminal: &Terminal) -> Result<Bench, Failure> {
        self.bench_of(&self.module(terminal)?, &self.plugin_config()?, Metering::Deadline, terminal)
    }

    /// The plugin's configuration: that of the manifest, or the default one.
    pub(crate) fn plugin_config(&self) -> Result<Configuration, Failure> {
        Ok(match &self.config {
            Some(path) => {
                let DeployedPlugin { config, environment, .. } = deployed_plugin(path, self.plugin.as_deref())?;
                Configuration { text: config.unwrap_or_else(|| "{}".to_owned()), environment }
            }
            None => Configuration { text: DEFAULT_CONFIG.to_owned(), environment: BTreeMap::new() },
        })
    }

    /// Another module with a configuration, metered as one likes.
    pub(crate) fn bench_of(
        &self,
        module: &ChosenModule,
        config: &Configuration,
        metering: Metering,
        terminal: &Terminal,
    ) -> Result<Bench, Failure> {
        let module = module::compiler(!self.no_cache, metering, terminal)?.compile(&module.bytes)?;
        Ok(Bench { module, config: config.clone(), profile: self.profile() })
    }

    /// The module that is named, or the plugin of this project.
    pub(crate) fn module(&self, terminal: &Terminal) -> Result<ChosenModule, Failure> {
        module::choose(self.module.as_deref(), terminal)
    }

    /// How the authorization service answers.
    pub(crate) fn authz(&self) -> &Authz {
        &self.authz
    }

    /// Which module is named, and whether what was compiled may be kept.
    pub(crate) fn named_module(&self) -> (Option<PathBuf>, bool) {
        (self.module.clone(), !self.no_cache)
    }

    /// Whether the request comes with a token of the user's.
    pub(crate) fn gives_token(&self) -> bool {
        token::is_given(self.token.as_ref())
    }

    /// Whom the gateway follows.
    pub(crate) fn profile(&self) -> Profile {
        match self.profile {
            Followed::Envoy => Profile::Envoy,
            Followed::Spec => Profile::Spec,
        }
    }

    /// The request, with its token if there is one.
    pub(crate) fn request(&self, minting: Minting, terminal: &Terminal) -> Result<HttpRequest, Failure> {
        if self.method.is_empty() || !self.method.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::wrong(
                format!("`{}` is no method", self.method.escape_debug()),
                "name one such as GET",
            ));
        }
        let mut request = HttpRequest::new(&self.method, "gateway.local", self.path.as_bytes());
        for (name, value) in &self.headers {
            if name.eq_ignore_ascii_case("host") {
                request.headers.replace(b":authority", value.as_bytes());
            } else {
                request.headers.add(name, value);
            }
        }
        if let Some(token) = token::choose(self.token.as_ref(), self.claims.as_deref(), minting, terminal)? {
            request.headers.add("authorization", format!("Bearer {}", token.as_str()));
        }
        Ok(request)
    }
}

/// Shows what the plugin logged to who asked for details.
pub(crate) fn detail_logs(logs: &[LogLine], terminal: &Terminal) {
    for line in logs {
        terminal.detail(&format!("log {:?}: {}", line.level, line.message.escape_debug()));
    }
}

/// The WasmPlugin of this name in a manifest, or the only one.
pub(crate) fn deployed_plugin(path: &Path, name: Option<&str>) -> Result<DeployedPlugin, Failure> {
    let wrong = |message: String, help: &str| Failure::wrong(format!("{}: {message}", path.display()), help);
    let source = manifests::read_file(path)?;
    let plugins = deployed_plugins(&source).map_err(|error| {
        let name = path.display().to_string();
        manifests::wrong_at(
            name,
            source.text().to_owned(),
            error.span.range(),
            error.to_string(),
            "mend it, then try again",
        )
    })?;
    let names: Vec<_> = plugins.iter().map(|plugin| plugin.name.as_deref().unwrap_or("(no name)")).collect();
    let mut matching = plugins.iter().filter(|plugin| name.is_none() || plugin.name.as_deref() == name);
    match (matching.next(), matching.next()) {
        (Some(plugin), None) => Ok(plugin.clone()),
        (Some(_), Some(_)) => {
            Err(wrong(format!("several WasmPlugins: {}", names.join(", ")), "choose one with --plugin NAME"))
        }
        (None, _) if names.is_empty() => {
            Err(wrong("no WasmPlugin".to_owned(), "name the manifest that deploys the plugin"))
        }
        (None, _) => Err(wrong(
            format!("no such WasmPlugin among {}", names.join(", ")),
            "choose one of them with --plugin NAME",
        )),
    }
}

/// `Name: value`, as curl takes it.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected `name: value`")?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err("expected a header name before the colon".to_owned());
    }
    if value.bytes().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n')) {
        return Err("a header value holds no line breaks".to_owned());
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let message = error.to_string();
        match error {
            StartError::Module(error) => error.into(),
            StartError::Refused(refusal) => {
                let said: Vec<_> = refusal.logs.iter().map(|line| line.message.as_str()).collect();
                Self::wrong(
                    message,
                    if said.is_empty() {
                        format!("{} answered false, and nothing was logged", refusal.callback)
                    } else {
                        said.join("\n")
                    },
                )
            }
            StartError::Trapped(fault, logs) => {
                let said: String = logs.iter().map(|line| format!("{}\n", line.message)).collect();
                Self::wrong(message, format!("{said}{fault}"))
            }
        }
    }
}
