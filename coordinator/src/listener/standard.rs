//! The services that every gRPC tool expects: health, and reflection in both of its versions.

use throng_proto::DESCRIPTORS;
use throng_proto::operator::throng_server::SERVICE_NAME;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::health_reporter;
use tonic_reflection::server::{Builder, Error};

/// Adds health (serving from the start) and reflection. Older tools ask for reflection's `v1alpha`, newer for `v1`.
pub async fn with_standard_services(routes: Routes) -> Result<Routes, Error> {
    let (reporter, health) = health_reporter();
    reporter.set_service_status(SERVICE_NAME, ServingStatus::Serving).await;
    let reflection = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(routes.add_service(health).add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?))
}
