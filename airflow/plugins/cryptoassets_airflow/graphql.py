"""The GraphQL queries. A test validates them against Dagster's schema."""

_ERROR = "... on PythonError { message } ... on UnauthorizedError { message }"

LAUNCH = f"""
mutation AirflowLaunch($params: ExecutionParams!) {{
  launchRun(executionParams: $params) {{
    __typename
    ... on LaunchRunSuccess {{ run {{ runId status tags {{ key value }} }} }}
    ... on RunConfigValidationInvalid {{ errors {{ message }} }}
    ... on PipelineNotFoundError {{ message }}
    ... on InvalidSubsetError {{ message }}
    ... on InvalidStepError {{ invalidStepKey }}
    ... on RunConflict {{ message }}
    ... on PresetNotFoundError {{ message }}
    ... on ConflictingExecutionParamsError {{ message }}
    ... on NoModeProvidedError {{ message }}
    {_ERROR}
  }}
}}
"""

FIND_RUNS = """
query AirflowFindRuns($filter: RunsFilter!) {
  runsOrError(filter: $filter, limit: 50) {
    __typename
    ... on Runs { results { runId status tags { key value } } }
    ... on InvalidPipelineRunsFilterError { message }
    ... on PythonError { message }
  }
}
"""

STATUS = """
query AirflowStatus($runId: ID!) {
  runOrError(runId: $runId) {
    __typename
    ... on Run { runId status }
    ... on RunNotFoundError { message }
    ... on PythonError { message }
  }
}
"""

EVENTS = """
query AirflowEvents($runId: ID!, $cursor: String) {
  runOrError(runId: $runId) {
    __typename
    ... on RunNotFoundError { message }
    ... on PythonError { message }
    ... on Run {
      status creationTime startTime endTime
      eventConnection(afterCursor: $cursor, limit: 1000) {
        cursor
        hasMore
        events {
          __typename
          ... on MaterializationEvent {
            assetKey { path }
            partition
            metadataEntries {
              label
              ... on IntMetadataEntry { intValue intRepr }
              ... on FloatMetadataEntry { floatValue }
              ... on BoolMetadataEntry { boolValue }
              ... on TextMetadataEntry { text }
              ... on UrlMetadataEntry { url }
              ... on PathMetadataEntry { path }
              ... on JsonMetadataEntry { jsonString }
            }
          }
          ... on AssetCheckEvaluationEvent {
            evaluation {
              checkName success severity description partition assetKey { path }
            }
          }
          ... on ExecutionStepFailureEvent {
            stepKey
            error { message errorChain { error { message } } }
            failureMetadata {
              description
              metadataEntries {
                label
                ... on JsonMetadataEntry { jsonString }
              }
            }
          }
          ... on RunFailureEvent { message error { message } }
        }
      }
    }
  }
}
"""

TERMINATE = f"""
mutation AirflowTerminate($runId: String!, $policy: TerminateRunPolicy) {{
  terminateRun(runId: $runId, terminatePolicy: $policy) {{
    __typename
    ... on TerminateRunFailure {{ message }}
    ... on RunNotFoundError {{ message }}
    {_ERROR}
  }}
}}
"""

LOCATIONS = """
query AirflowLocations {
  workspaceOrError {
    __typename
    ... on PythonError { message }
    ... on Workspace {
      locationEntries {
        name
        loadStatus
        locationOrLoadError {
          __typename
          ... on PythonError { message }
        }
      }
    }
  }
}
"""
