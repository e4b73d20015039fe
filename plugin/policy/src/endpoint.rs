//! Where a service is asked.

/// A path of a service behind an Envoy cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) cluster: String,
    pub(crate) authority: String,
    pub(crate) path: String,
}

impl Endpoint {
    /// `None` where no authority is given and none can be taken from the cluster's name.
    pub(crate) fn new(cluster: &str, authority: Option<&str>, path: &str) -> Option<Self> {
        let authority = authority.or_else(|| Self::host_of(cluster))?;
        Some(Self { cluster: cluster.to_owned(), authority: authority.to_owned(), path: path.to_owned() })
    }

    /// The host in a cluster's name; Istio calls it direction|port|subset|host.
    fn host_of(cluster: &str) -> Option<&str> {
        let host = match cluster.split('|').collect::<Vec<_>>().as_slice() {
            [_, _, _, host] => host,
            _ => cluster,
        };
        Self::is_authority(host).then_some(host)
    }

    /// Whether `text` can stand in `:authority` (RFC 3986, section 3.2, without user information).
    pub(crate) fn is_authority(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte))
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    fn authority(cluster: &str, given: Option<&str>) -> Option<String> {
        Endpoint::new(cluster, given, "/authorize").map(|endpoint| endpoint.authority)
    }

    #[test]
    fn the_authority_is_the_host_of_the_cluster_also_with_a_subset() {
        assert_eq!(
            authority("outbound|8080||jwt.default.svc.cluster.local", None).as_deref(),
            Some("jwt.default.svc.cluster.local")
        );
        assert_eq!(
            authority("outbound|8080|v1|jwt.default.svc.cluster.local", None).as_deref(),
            Some("jwt.default.svc.cluster.local")
        );
        assert_eq!(authority("authz_cluster", None).as_deref(), Some("authz_cluster"));
        assert_eq!(authority("httproute/default/x/rule/0", None), None);
        assert_eq!(authority("httproute/default/x/rule/0", Some("authz:8080")).as_deref(), Some("authz:8080"));
        assert_eq!(authority("outbound|8080|jwt", None), None);
    }
}
