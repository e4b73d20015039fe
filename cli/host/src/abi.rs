//! The enumerations of the proxy-wasm ABI v0.2.1, as its specification spells them.

/// Declares an enumeration whose values travel as i32, with its conversion from the wire.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $value:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_meta])* $variant = $value),+ }

        impl TryFrom<u32> for $name {
            type Error = Status;

            fn try_from(value: u32) -> Result<Self, Status> {
                match value {
                    $($value => Ok(Self::$variant),)+
                    _ => Err(Status::BadArgument),
                }
            }
        }
    };
}

wire_enum! {
    /// What a host function answers.
    Status {
        /// It was done.
        Ok = 0,
        /// The thing asked for does not exist.
        NotFound = 1,
        /// An argument is out of its range, or names nothing at this moment.
        BadArgument = 2,
        /// A value could not be serialized.
        SerializationFailure = 3,
        /// A value could not be parsed.
        ParseFailure = 4,
        /// A pointer or a length leads out of the guest's memory.
        InvalidMemoryAccess = 6,
        /// A queue is empty.
        Empty = 7,
        /// A compare-and-swap lost.
        CasMismatch = 8,
        /// The host failed.
        InternalFailure = 10,
        /// The host does not have this function.
        Unimplemented = 12,
    }
}

wire_enum! {
    /// What a stream callback asks for.
    Action {
        /// Go on to the next filter.
        Continue = 0,
        /// Hold the stream.
        Pause = 1,
    }
}

wire_enum! {
    /// How important a log line is.
    LogLevel {
        /// Every step.
        Trace = 0,
        /// For who debugs.
        Debug = 1,
        /// Worth knowing.
        Info = 2,
        /// Worth a look.
        Warn = 3,
        /// Something failed.
        Error = 4,
        /// Nothing goes on.
        Critical = 5,
    }
}

wire_enum! {
    /// Which buffer.
    BufferType {
        /// The request's body.
        HttpRequestBody = 0,
        /// The response's body.
        HttpResponseBody = 1,
        /// Bytes from the client.
        DownstreamData = 2,
        /// Bytes from the upstream.
        UpstreamData = 3,
        /// The body of a callout's reply.
        HttpCallResponseBody = 4,
        /// A gRPC message.
        GrpcReceiveBuffer = 5,
        /// `vm_config.configuration`.
        VmConfiguration = 6,
        /// `configuration`.
        PluginConfiguration = 7,
        /// Arguments of a foreign function.
        CallData = 8,
    }
}

wire_enum! {
    /// Which header map.
    MapType {
        /// Headers of the request.
        HttpRequestHeaders = 0,
        /// Trailers of the request.
        HttpRequestTrailers = 1,
        /// Headers of the response.
        HttpResponseHeaders = 2,
        /// Trailers of the response.
        HttpResponseTrailers = 3,
        /// Initial metadata of a gRPC callout.
        GrpcReceiveInitialMetadata = 4,
        /// Trailing metadata of a gRPC callout.
        GrpcReceiveTrailingMetadata = 5,
        /// Headers of a callout's reply.
        HttpCallResponseHeaders = 6,
        /// Trailers of a callout's reply.
        HttpCallResponseTrailers = 7,
    }
}

wire_enum! {
    /// Which half of which stream.
    StreamType {
        /// The request.
        HttpRequest = 0,
        /// The response.
        HttpResponse = 1,
        /// Bytes from the client.
        Downstream = 2,
        /// Bytes from the upstream.
        Upstream = 3,
    }
}

wire_enum! {
    /// Who closed a connection.
    CloseType {
        /// It cannot be told.
        Unknown = 0,
        /// The gateway.
        Local = 1,
        /// The peer.
        Remote = 2,
    }
}

wire_enum! {
    /// What a metric counts.
    MetricType {
        /// A sum that only grows.
        Counter = 0,
        /// A value that comes and goes.
        Gauge = 1,
        /// A distribution.
        Histogram = 2,
    }
}

/// A version of the ABI, as a module's marker export states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AbiVersion {
    /// `proxy_abi_version_0_1_0`
    V0_1_0,
    /// `proxy_abi_version_0_2_0`
    V0_2_0,
    /// `proxy_abi_version_0_2_1`
    V0_2_1,
}

impl AbiVersion {
    /// Every version that Envoy runs.
    pub const ALL: [Self; 3] = [Self::V0_1_0, Self::V0_2_0, Self::V0_2_1];

    /// The name of the export that marks it.
    #[must_use]
    pub fn marker(self) -> &'static str {
        match self {
            Self::V0_1_0 => "proxy_abi_version_0_1_0",
            Self::V0_2_0 => "proxy_abi_version_0_2_0",
            Self::V0_2_1 => "proxy_abi_version_0_2_1",
        }
    }
}

impl std::fmt::Display for AbiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_2_1 => "0.2.1",
        })
    }
}
