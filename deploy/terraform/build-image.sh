#!/bin/sh
# Builds $IMAGE of $ROOT with Cloud Build in $PROJECT, unless the registry has it: called by image.tf.
set -eu

fail() {
  echo >&2
  echo "The image $IMAGE was not built. $1" >&2
  exit 1
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

command -v gcloud >/dev/null 2>&1 ||
  fail "Terraform builds it with gcloud, which is not here: install the Google Cloud CLI and log in (gcloud auth login)."

if gcloud artifacts docker images describe "$IMAGE" --project="$PROJECT" --quiet >/dev/null 2>&1; then
  echo "$IMAGE is in the registry: nothing to build"
  exit 0
fi

gcloud builds submit "$ROOT" \
  --project="$PROJECT" \
  --config="$here/cloudbuild.yaml" \
  --ignore-file="$here/cloudbuild.ignore" \
  --substitutions="_IMAGE=$IMAGE,_REVISION=${IMAGE##*:}" \
  --quiet ||
  fail "Above is what gcloud said, and where the log of the build is. Usual reasons: not logged in (gcloud auth login), no right to build (roles/cloudbuild.builds.editor, and roles/iam.serviceAccountUser on the build's account), a registry that is not there (create_artifact_registry = true), or a build account that may not read the sources, log or push (roles/cloudbuild.builds.builder). Then apply again."
